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
    nowhere = service(instance="llama-cpp@fast", archive={"url": "", "sha256": ""})
    assert bundle_plan([host("gpu1", TRIXIE, nowhere)])["wrong"] == [
        "gpu1: llama-cpp@fast needs the address of its archive and its sha256: playbooks/engine_source.yml prints both",
    ]


def library(name: str, digest: str = "") -> dict[str, str]:
    return {"kind": "library", "name": name, "digest": digest}


def test_a_model_of_many_files_is_in_it_once_with_all_that_is_known_of_it() -> None:
    hub = {"kind": "hub", "repo": "org/model", "revision": "c" * 40, "token": ""}
    one = service(pulled=[library("llama3.1:8b"), library("llama3.1:8b", "46e0c10c039e"), hub])
    other = service(pulled=[{**hub, "token": "HF_TOKEN"}, {**hub, "revision": "d" * 40}, library("a:1")])
    found = bundle_plan([host("gpu1", TRIXIE, one), host("gpu2", TRIXIE, other)])
    rows = {(row["name"], row["revision"][:1]): (row["kind"], row["digests"], row["secret"]) for row in found["models"]}
    assert rows == {
        ("a:1", ""): ("library", [], ""),
        ("llama3.1:8b", ""): ("library", ["46e0c10c039e"], ""),
        ("org/model", "c"): ("hub", [], "HF_TOKEN"),
        ("org/model", "d"): ("hub", [], ""),
    }
    assert len(found["models"]) == len(rows)
    assert found["wrong"] == []


def test_a_name_with_two_digests_is_named() -> None:
    same = [library("a:1", "1" * 12), library("a:1", "1" * 64)]
    assert bundle_plan([host("gpu1", TRIXIE, service(pulled=same))])["wrong"] == []
    other = service(pulled=[*same[:1], library("a:1", "2" * 12)])
    assert bundle_plan([host("gpu1", TRIXIE, other)])["wrong"] == [
        "a:1 has the digests 111111111111 and 222222222222: write the same one everywhere"
    ]
