# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Importing what a running Ollama lists."""

from __future__ import annotations

from typing import Any

from ..engines.local.ollama import Ollama
from ..findings.paths import join
from .result import Imported, Raw


def import_ollama(made: Imported, models: list[Any], base_url: str) -> None:
    """The result of `GET /api/tags`: names, parameters, quantization."""
    entries: list[Raw] = []
    for index, model in enumerate(models):
        path = join("models", index)
        name = model.get("name") if isinstance(model, dict) else None
        if not isinstance(name, str) or not name:
            made.note("refused", path, "has no name")
            continue
        if any(entry["name"] == name for entry in entries):
            made.note("changed", path, f"'{name}' is in the list twice, and is kept once")
            continue
        made.asks(name, path)
        made.users["ollama", name].add(name)
        made.came_from(join("ai_backend_providers", "ollama", "models", len(entries)), path)
        offered = Ollama.offered(model)
        entries.append(dict(offered) if isinstance(offered, dict) else {"name": name})
    if not entries:
        made.note("refused", "models", "the server has no model", "run `ollama pull <model>` there, then import again")
        return
    entry = {"type": "ollama", "base_url": base_url.rstrip("/"), "managed": False, "models": entries}
    made.part("providers")["ollama"] = entry
    made.note("changed", "", "ollama has `managed: false`, because it runs already", "remove it to have it installed")
