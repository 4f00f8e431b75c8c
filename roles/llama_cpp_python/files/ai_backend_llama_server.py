"""llama-cpp-python's server on a Unix socket. Its own command can't listen on one, or choose a pooling of vectors.

Usage: python -I ai_backend_llama_server.py CONFIG, a JSON file with `socket`, `server` (ServerSettings), `model`
(ModelSettings), `pooling` (a number of llama_cpp.LLAMA_POOLING_TYPE_*, or null) and `stop_seconds`. The key of clients
is in LLAMA_CPP_PYTHON_API_KEY, so that it is in no file of the release and in no list of processes.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import llama_cpp
import uvicorn
from llama_cpp.server.app import create_app
from llama_cpp.server.settings import ModelSettings, ServerSettings

KEY = "LLAMA_CPP_PYTHON_API_KEY"


class Pooled(llama_cpp.Llama):
    """A model whose vectors are pooled as the configuration asks: the server's settings have no word for it."""

    pooling = llama_cpp.LLAMA_POOLING_TYPE_UNSPECIFIED

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "pooling_type": self.pooling})


def main() -> None:
    """Serve until a signal."""
    with open(sys.argv[1], encoding="utf-8") as handle:
        config = json.load(handle)
    # Without a key the server would answer everyone.
    key = os.environ.pop(KEY)
    # Its settings also read plain words of the environment, such as HOST or CACHE.
    kept = {name: value for name, value in os.environ.items() if name.lower() not in _settings()}
    os.environ.clear()
    os.environ.update(kept)
    if config["pooling"] is not None:
        Pooled.pooling = config["pooling"]
        llama_cpp.Llama = Pooled
    app = create_app(
        server_settings=ServerSettings(api_key=key, **config["server"]),
        model_settings=[ModelSettings(**config["model"])],
    )
    # Its list of models waits for the answer that is being computed, so this alone shows at any time that it runs.
    app.add_api_route("/health", lambda: {"status": "ok"})
    uvicorn.run(
        app,
        uds=config["socket"],
        access_log=False,
        timeout_graceful_shutdown=config["stop_seconds"],
    )


def _settings() -> set[str]:
    """The names of all its settings, in lower case."""
    return {*ServerSettings.model_fields, *ModelSettings.model_fields, "config_file"}


if __name__ == "__main__":
    main()
