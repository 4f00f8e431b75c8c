# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a bundle must contain: for each kind of host once, each file once, and what can't be in it is named."""

from __future__ import annotations

from typing import Any

from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.bundle import bundle_plan

TRIXIE, BOOKWORM = "debian-trixie-x86_64-python3.13", "debian-bookworm-x86_64-python3.11"
WHEEL = {"package": "a-model", "version": "1.0", "sha256": "c" * 64, "file": "m.gguf"}


def service(**given: Any) -> dict[str, Any]:
    return {"instance": "a", "packages": [], "lock": "", "archive": {}, "models": [], "pulled": [], **given}


def model(**source: Any) -> dict[str, Any]:
    return {"name": "m", "path": "/var/lib/ai-backend/models/m.gguf", "source": source}


def host(name: str, platform: str, *services: dict[str, Any]) -> dict[str, Any]:
    return {"host": name, "platform": platform, "services": list(services)}


REDIS = service(packages=["redis-server", ""])
ENGINE = service(
    archive={"url": "https://a/llama.tar.gz", "sha256": "a" * 64},
    models=[
        model(kind="url", url="https://a/m.gguf", sha256="b" * 64),
        model(kind="wheel", sha256="d" * 64, wheel=WHEEL),
        model(kind="path"),
        model(kind="tiny"),
    ],
)
GATEWAY = service(packages=["python3-venv"], lock="litellm==1\n")


def test_one_host_of_each_kind_makes_the_part_for_all_of_it() -> None:
    rows = [host("gpu1", TRIXIE, REDIS), host("gpu2", TRIXIE, ENGINE, GATEWAY), host("old", BOOKWORM, REDIS)]
    assert bundle_plan(rows)["parts"] == {
        "gpu1": {
            "platform": TRIXIE,
            "packages": ["python3-venv", "redis-server"],
            "locks": ["litellm==1\n"],
            "wheels": [WHEEL],
        },
        "old": {"platform": BOOKWORM, "packages": ["redis-server"], "locks": [], "wheels": []},
    }


def test_each_file_is_in_it_once() -> None:
    found = bundle_plan([host("gpu1", TRIXIE, ENGINE), host("gpu2", TRIXIE, ENGINE)])
    assert found["wrong"] == []
    assert [(file["name"], file["sha256"][0]) for file in found["files"]] == [("llama.tar.gz", "a"), ("m.gguf", "b")]


def test_what_can_not_be_in_it_is_named() -> None:
    pulled = service(instance="ollama@big", pulled=["llama3.1:8b"])
    nowhere = service(instance="llama-cpp@fast", archive={"url": "", "sha256": ""})
    assert bundle_plan([host("gpu1", TRIXIE, pulled, nowhere)])["wrong"] == [
        "gpu1: llama-cpp@fast needs the address of its archive and its sha256: playbooks/engine_source.yml prints both",
        "gpu1: ollama@big gets llama3.1:8b from a hub, which a bundle can't contain: give each a file (`url` and "
        "`sha256`), or put it on the hosts and write its `path`",
    ]
