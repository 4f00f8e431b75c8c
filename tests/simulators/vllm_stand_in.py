"""A stand-in for vLLM: a wheel that starts, reads a model's folder and answers like it, and computes nothing.

It refuses flags that it does not know, to start without HF_HUB_OFFLINE, and a folder that is not a whole model: vLLM
would need a network. Its lock is one line, so the role installs it as it installs vLLM.
"""

from __future__ import annotations

import hashlib
import pathlib
import zipfile

NAME, VERSION = "vllm", "0.32.0"
WHEEL, INFO = f"{NAME}-{VERSION}-py3-none-any.whl", f"{NAME}-{VERSION}.dist-info"
PARSER = """
KNOWN = (
    "allowed-media-domains chat-template convert cpu-offload-gb disable-uvicorn-access-log dtype "
    "enable-auto-tool-choice enable-lora enable-prefix-caching enforce-eager "
    "gpu-memory-utilization kv-cache-dtype kv-cache-memory-bytes lora-modules "
    "max-lora-rank max-loras max-model-len max-num-batched-tokens max-num-queued-reqs max-num-seqs model "
    "pipeline-parallel-size quantization reasoning-parser runner seed served-model-name shutdown-timeout "
    "tensor-parallel-size tool-call-parser trust-remote-code uds"
)


class FlexibleArgumentParser:
    _option_string_actions = {f"--{name}": None for name in KNOWN.split()}

    def error(self, message):
        raise SystemExit(message)

    def parse_args(self, arguments):
        found, key = {}, ""
        for line in open(arguments[1], encoding="utf-8").read().splitlines():
            if line.startswith("#"):
                continue
            if line.lstrip().startswith("- "):
                found[key] = [*(found[key] or []), line.lstrip()[2:]]
            else:
                key, _colon, text = line.partition(":")
                found[key] = text.strip()
                if f"--{key}" not in self._option_string_actions:
                    self.error(f"unrecognized arguments: --{key}")
        return found
"""
CHECKS = """
def make_arg_parser(parser):
    return parser


def validate_parsed_serve_args(found):
    if "model" not in found:
        raise ValueError("no model")
"""
LAUNCHER = """
def validate_api_server_args(found):
    pass
"""
SERVER = """
import http.server, json, os, pathlib, socketserver, struct, sys

from vllm.utils.argparse_utils import FlexibleArgumentParser

found = FlexibleArgumentParser().parse_args(sys.argv[1:])
(NAME,) = found["served-model-name"]
KEY = os.environ["VLLM_API_KEY"]


def weights(folder):
    with open(folder / "model.safetensors", "rb") as handle:
        (length,) = struct.unpack("<Q", handle.read(8))
        header = json.loads(handle.read(length))
        end = max(entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
        if len(handle.read()) != end:
            sys.exit("the weights are not whole")


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Handler(http.server.BaseHTTPRequestHandler):
    def address_string(self):
        return "socket"

    def log_message(self, *_):
        pass

    def send(self, status, content=None):
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_text(self, kind, text):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def allowed(self):
        if self.headers.get("Authorization") == f"Bearer {KEY}":
            return True
        self.send(401, {"error": "Unauthorized"})
        return False

    def do_GET(self):
        if self.path == "/health":
            self.send(200)
        elif self.path == "/metrics":
            names = ("num_requests_running", "num_requests_waiting")
            lines = [f'vllm:{name}{{model_name="{NAME}"}} 0.0' for name in names]
            self.send_text("text/plain; version=0.0.4", "\\n".join([*lines, ""]))
        elif self.path == "/v1/models" and self.allowed():
            self.send(200, {"object": "list", "data": [{"id": NAME, "object": "model"}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.allowed():
            return
        if self.path != "/v1/chat/completions" or body["model"] != NAME:
            self.send(404, {"error": {"message": "The model does not exist.", "type": "NotFoundError", "code": 404}})
            return
        choice = {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
        head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": NAME}
        if body.get("stream"):
            part = {**head, "object": "chat.completion.chunk"}
            chunks = [{**part, "choices": [{"index": 0, "delta": {"content": text}}]} for text in ("hel", "lo")]
            chunks.append({**part, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage})
            lines = [*map(json.dumps, chunks), "[DONE]"]
            self.send_text("text/event-stream", "".join(f"data: {line}\\n\\n" for line in lines))
            return
        self.send(200, {**head, "choices": [choice], "usage": usage})


if os.environ.get("HF_HUB_OFFLINE") != "1":
    sys.exit("it would ask the hub")
folder = pathlib.Path(found["model"])
json.loads((folder / "config.json").read_text())
json.loads((folder / "tokenizer.json").read_text())
weights(folder)
pathlib.Path(found["uds"]).unlink(missing_ok=True)
Server(found["uds"], Handler).serve_forever()
"""
FILES = {
    "vllm/__init__.py": "",
    "vllm/entrypoints/__init__.py": "",
    "vllm/entrypoints/launchers/__init__.py": "",
    "vllm/entrypoints/launchers/cli_args.py": CHECKS,
    "vllm/entrypoints/launchers/launcher.py": LAUNCHER,
    "vllm/entrypoints/openai/__init__.py": "",
    "vllm/entrypoints/openai/api_server.py": SERVER,
    "vllm/utils/__init__.py": "",
    "vllm/utils/argparse_utils.py": PARSER,
    f"{INFO}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n",
    f"{INFO}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}


def write(folder: pathlib.Path) -> pathlib.Path:
    """The wheel in a folder, the same bytes each time, and a lock for it next to it. Returns the lock's path."""
    record = f"{INFO}/RECORD"
    with zipfile.ZipFile(folder / WHEEL, "w") as archive:
        for name, text in {**FILES, record: "".join(f"{name},,\n" for name in [*FILES, record])}.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    lock = folder / "vllm.lock"
    lock.write_text(f"{NAME}=={VERSION} --hash=sha256:{hashlib.sha256((folder / WHEEL).read_bytes()).hexdigest()}\n")
    return lock
