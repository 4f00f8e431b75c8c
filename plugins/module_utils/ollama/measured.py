# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an Ollama server tells of itself: its models, and which of them are in memory. Neither question loads one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ..measuring.families import Family, gauges
from .server import OllamaError, Server

ABOUT = {
    "up": "Whether the server answers.",
    "models": "Models that the server has.",
    "model_memory_bytes": "Memory of a model that is loaded.",
    "model_card_memory_bytes": "Of that, memory of cards.",
    "model_expires_timestamp_seconds": "When a model that is loaded will be unloaded.",
}


def ollama(servers: Mapping[str, str]) -> Iterator[Family]:
    """servers: {provider: URL}."""
    found = gauges("ai_backend_ollama_", ABOUT)
    for provider, url in servers.items():
        server = Server(url, seconds=5)
        try:
            count = len(server.models())
            loaded = server.answer("GET", "/api/ps")["models"] or []
        except (OllamaError, KeyError, TypeError):
            found["up"].set(0, provider=provider)
            continue
        found["up"].set(1, provider=provider)
        found["models"].set(count, provider=provider)
        for entry in loaded:
            _loaded(entry, provider, found)
    yield from found.values()


def _loaded(entry: Mapping[str, Any], provider: str, found: Mapping[str, Family]) -> None:
    names = {"provider": provider, "model": str(entry["name"])}
    found["model_memory_bytes"].set(float(entry.get("size") or 0), **names)
    found["model_card_memory_bytes"].set(float(entry.get("size_vram") or 0), **names)
    if expires := entry.get("expires_at"):
        # Go writes nanoseconds, and Python reads microseconds.
        text = str(expires)
        head, dot, rest = text.partition(".")
        zone = rest.lstrip("0123456789") if dot else ""
        moment = datetime.fromisoformat((head + zone if dot else text).replace("Z", "+00:00"))
        found["model_expires_timestamp_seconds"].set(moment.timestamp(), **names)
