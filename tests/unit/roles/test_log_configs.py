# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of Alloy and Loki have the syntax and only the names of their references. The real programs are not run."""

from __future__ import annotations

import pathlib
from typing import Any

import jinja2
import pytest
import yaml
from alloy import check
from alloy_syntax import WrongError, parse
from loki import KNOWN
from loki import check as check_loki

ROLES = pathlib.Path(__file__).resolve().parents[3] / "roles"
PUSH = "http://127.0.0.1:3100/loki/api/v1/push"


def rendered(path: str, **config: Any) -> str:
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined)  # noqa: S701  # not HTML
    row = {"config": config, "ports": {"loki": 3100}}
    return environment.from_string((ROLES / path).read_text()).render(ai_backend_service=row)


@pytest.mark.parametrize("record", ["/var/log/ai-backend/requests.jsonl", ""])
def test_alloys_file_names_components_and_arguments_that_there_are(record: str) -> None:
    file = parse(rendered("alloy/templates/config.alloy.j2", host="gpu1", record=record, loki=PUSH))
    check(file)
    assert any(block.kind == "loki.source.file" for block in file.blocks) == bool(record)


def test_lokis_file_has_keys_that_there_are() -> None:
    config = yaml.safe_load(rendered("loki/templates/loki.yml.j2", retention_days=30))
    check_loki(config, KNOWN)
    assert config["limits_config"]["retention_period"] == "720h"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('loki.rewrite "a" {\n}\n', "component name 'loki.rewrite'"),
        ('loki.source.file "a" {\n targets = []\n}\n', '"forward_to"'),
        ('loki.write "a" {\n endpoint {\n  uri = "x"\n }\n}\n', '"uri"'),
        ('loki.source.journal "a" {\n forward_to = [loki.write.b.receiver]\n}\n', "'loki.write.b.receiver'"),
    ],
)
def test_what_the_reference_does_not_have_is_refused(text: str, said: str) -> None:
    with pytest.raises(WrongError, match=said):
        check(parse(text))


# What Alloy's own parser of 2026-08 said of each.
@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("", True),
        ("// x\na = 1 // y\n", True),
        ("a = b.c.d\n", True),
        ("a = true\nb = null\n", True),
        ("a = [1, 2,]\n", True),
        ("a = [\n1,\n2,\n]\n", True),
        ('a = { b = 1, "c-d" = "x", }\n', True),
        ("a = {\n b = 1,\n c = 2,\n}\n", True),
        ("a { b = 1 }\n", True),
        ('a "b" {\n c {\n  d = 1\n }\n}\n', True),
        ("a {", False),
        ("a = ", False),
        ("a = [1,,2]\n", False),
        ("a = [\n1,\n2\n]\n", False),
        ("a = 'x'\n", False),
        ("a: 1\n", False),
        ('loki.write "x y" {\n}\n', False),
        ('logging { level = "x" level = "y" }\n', False),
    ],
)
def test_the_reader_takes_what_alloy_takes(text: str, taken: bool) -> None:
    if taken:
        parse(text)
    else:
        with pytest.raises(WrongError):
            parse(text)
