"""In the place of an engine: listens at its socket, and lists another model."""

import http.server
import json
import os
import socketserver
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"object": "list", "data": [{"id": "another-model"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "the edge"

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


os.makedirs(os.path.dirname(sys.argv[1]), exist_ok=True)
server = Server(sys.argv[1], Handler)
os.chmod(os.path.dirname(sys.argv[1]), 0o755)  # noqa: S103 - the edge enters it
os.chmod(sys.argv[1], 0o777)  # noqa: S103 - the edge connects
server.serve_forever()
