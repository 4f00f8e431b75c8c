"""An engine that answers as /root/flaky tells: `well`, `broken` (500), or `slow` (after six seconds)."""

import http.server
import json
import pathlib
import time


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply(200, {"object": "list", "data": [{"id": "flaky-model", "object": "model"}]})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        mood = pathlib.Path("/root/flaky").read_text().strip()
        if mood == "broken":
            self.reply(500, {"error": {"message": "broken", "type": "server_error"}})
            return
        time.sleep(6 if mood == "slow" else 0)
        message = {"role": "assistant", "content": "yes"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        self.reply(
            200,
            {
                "id": "x",
                "object": "chat.completion",
                "created": 1,
                "model": "flaky-model",
                "choices": choices,
                "usage": usage,
            },
        )

    def reply(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", 9098), Handler).serve_forever()
