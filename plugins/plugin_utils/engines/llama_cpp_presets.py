# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The models of a llama-server that loads them as they are asked (its router mode): one section of a file for each.

A key is a flag without its dashes, or its variable (common/preset.cpp; seen with build 11669).
"""

from __future__ import annotations

from collections.abc import Iterable

from .llama_cpp_model import LlamaCppModel


def presets_of(models: Iterable[LlamaCppModel]) -> str:
    """The text of the file, in the order of the models."""
    return "version = 1\n" + "".join(f"\n[{model.name}]\n{_lines(model)}" for model in models)


def _lines(model: LlamaCppModel) -> str:
    """The model's file, its variables, and what has no variable."""
    words = model.arguments
    flags = {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}
    pairs = {"model": model.file["path"], **model.variables, **flags}
    return "".join(f"{key} = {value}\n" for key, value in pairs.items())
