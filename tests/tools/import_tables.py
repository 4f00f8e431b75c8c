# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tables of docs/import.md, from those that the importers use."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The checkout as a collection; `make venv` makes it.
sys.path.insert(0, str(ROOT / ".cache" / "collections"))

from ansible_collections.lab.ai_backend.plugins.plugin_utils.engines.local import ollama  # noqa: E402
from ansible_collections.lab.ai_backend.plugins.plugin_utils.importing import (  # noqa: E402
    from_files,
    from_ports,
)
from ansible_collections.lab.ai_backend.plugins.plugin_utils.importing import litellm_tables as litellm  # noqa: E402

PAGE = ROOT / "docs" / "import.md"
BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"


def page() -> str:
    """docs/import.md with new tables; the text outside the markers is written by hand and stays."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def tables() -> str:
    """All of them."""
    settings = {key: f"`ai_backend_gateway.{part}.{word}`" for key, (part, word) in litellm.SETTINGS.items()}
    return "\n".join(
        [
            "### Sections of a LiteLLM config\n",
            _keys(litellm.SECTIONS, litellm.Key("refused", "named in the report")),
            "### `litellm_params`\n",
            _keys(litellm.PARAMETERS, litellm.OTHER_PARAMETER),
            "### `model_info`\n",
            _keys(litellm.INFO, litellm.OTHER_INFO),
            "### Settings about names\n",
            _keys(litellm.ROUTING, None),
            "### Other settings\n",
            _table(
                ("key", "fate", "in the registry, or why not"),
                [
                    *((_words([key]), "changed", place) for key, place in settings.items()),
                    *((_words(keys), "changed", why) for why, keys in _grouped(litellm.DECIDED)),
                    ("`cache`", "kept", "`ai_backend_cache.enabled`"),
                    (_words(litellm.CACHE), "kept", "`ai_backend_cache`, as the key of `cache_params`"),
                    ("any other key of `cache_params`", "changed", "the deployment has its own Redis"),
                    ("`master_key`", "changed", "`ai_backend_secrets.LITELLM_MASTER_KEY`; a literal one is refused"),
                    (_words(litellm.MODULES), "refused", "if an entry is a Python file of yours (`file.object`)"),
                    ("any other key", "kept", "`ai_backend_gateway.litellm.extra`, if LiteLLM knows it"),
                ],
            ),
            "### LiteLLM's prefixes\n",
            _table(("prefix", "with `api_base`", "without", "of a wildcard"), _prefixes()),
            "### Other files\n",
            _table(("in the file", "in the registry"), _files()),
        ]
    )


def _keys(keys: Mapping[str, litellm.Key], other: litellm.Key | None) -> str:
    rows = [(_words([key]), fate.fate, fate.becomes) for key, fate in keys.items()]
    rows += [("any other key", other.fate, other.becomes)] if other is not None else []
    return _table(("key", "fate", "in the registry, or why not"), rows)


def _prefixes() -> Iterable[tuple[str, ...]]:
    ways = sorted(litellm.WAYS.items(), key=lambda row: (row[1], row[0]))
    for way, rows in groupby(ways, key=lambda row: row[1]):
        prefixes = [prefix for prefix, _way in rows]
        types = [f"`{kind}`" if kind else "`litellm`" for kind in way]
        # A server whose address nobody knows.
        nowhere = way.addressed and not way.known and not set(prefixes) & set(litellm.ENVIRONMENT)
        yield _words(prefixes), types[0], "refused" if nowhere else types[1], types[2]
    yield "any other one that LiteLLM knows", "`litellm`", "`litellm`", "refused"


def _files() -> Iterable[tuple[str, str]]:
    for kind, words in _grouped(from_files.TYPES):
        yield f"`type: {'`, `type: '.join(words)}`", f"`type: {kind}`"
    yield _words(from_files.KEYS), "`env_var`, if the value is a reference (`${NAME}`, `os.environ/NAME`)"
    yield f"`{from_files.WITHIN}`", "its sections of rules"
    for section, words in _grouped(from_ports.SECTIONS):
        yield _words(words), f"`ai_backend_ports.{section}`"
    yield _words(from_ports.FIELDS), "the same keys of a port"
    yield _words(from_ports.HEALTH), "`health` of a port, the path of the URL"
    for word, field in ollama.DETAILS.items():
        yield f"`{word}` in the list of an Ollama", f"`{field}` of the model"


def _grouped(words: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """Values, each with its keys, in the order of the table."""
    found: dict[str, list[str]] = {}
    for word, value in words.items():
        found.setdefault(value, []).append(word)
    return list(found.items())


def _words(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
