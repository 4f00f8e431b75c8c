"""The files of a managed llama.cpp besides its model: a projector, a draft and adapters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.findings import RegistryError

Raw = dict[str, Any]
SHA256 = "0" * 64
URL = {"url": "https://x.example/p.gguf", "sha256": SHA256}
OWN = "/var/lib/ai-backend/models/lab-tiny"


@pytest.fixture
def model(lab: Callable[..., Raw]) -> Callable[..., Raw]:
    """The registry, in which the model has these keys."""

    def build(**keys: Any) -> Raw:
        raw = lab()
        raw["providers"]["native"]["models"] = [{"name": "lab-tiny", "source": "tiny", **keys}]
        return raw

    return build


@pytest.fixture
def config(model: Callable[..., Raw], planned: Callable[..., Raw]) -> Callable[..., Raw]:
    """What the role gets."""

    def build(**keys: Any) -> Raw:
        services = planned(model(**keys))["hosts"]["one"]["services"]
        (found,) = [row["config"] for row in services if row["service"] == "llama-cpp"]
        return dict(found)

    return build


def test_without_them_there_are_none(config: Callable[..., Raw]) -> None:
    found = config()
    assert (len(found["files"]), found["arguments"]) == (1, [])


def test_a_path_is_enough_and_a_download_has_a_place_of_its_own(config: Callable[..., Raw]) -> None:
    found = config(mmproj=URL, draft_model="/srv/draft.gguf")
    assert found["files"][1:] == [
        {"name": "lab-tiny draft_model", "path": "/srv/draft.gguf", "source": {"kind": "path"}},
        {"name": "lab-tiny mmproj", "path": f"{OWN}.mmproj.gguf", "source": {"kind": "url", **URL}},
    ]
    environment = found["environment"]
    assert environment["LLAMA_ARG_SPEC_DRAFT_MODEL"] == "/srv/draft.gguf"
    assert environment["LLAMA_ARG_MMPROJ"] == f"{OWN}.mmproj.gguf"


def test_adapters_are_words_of_the_command_line(config: Callable[..., Raw]) -> None:
    assert config(lora="/srv/a.gguf")["arguments"] == ["--lora", "/srv/a.gguf"]
    found = config(lora=[{**URL, "scale": 0.5}, "/srv/b.gguf"])
    assert found["arguments"] == ["--lora-scaled", f"{OWN}.lora-1.gguf:0.5,/srv/b.gguf:1"]
    assert [file["path"] for file in found["files"][1:]] == [f"{OWN}.lora-1.gguf", "/srv/b.gguf"]


def test_a_projector_is_an_ability(model: Callable[..., Raw], planned: Callable[..., Raw]) -> None:
    services = planned(model(mmproj="/srv/p.gguf"))["hosts"]["one"]["services"]
    (text,) = [row["config"]["config"] for row in services if row["service"] == "litellm"]
    assert "- vision" in text


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"mmproj": {}}, "mmproj: names no file → write `path`, or `url` and `sha256`"),
        ({"draft_model": {"url": URL["url"]}}, "draft_model: url and sha256 go together"),
        ({"mmproj": "p.gguf"}, "path is not absolute"),
        ({"lora": "/srv/a,b.gguf"}, "path has a ',', which llama-server would not read as a part of it"),
        ({"lora": [{"path": "/srv/a.gguf", "scale": 0}]}, "scale: is too small → write more than 0"),
        ({"mmproj": "/tmp/p.gguf"}, "mmproj: is below /tmp, which the engine's unit cannot see"),
        (
            {"mmproj": "/srv/p.gguf", "environment": {"LLAMA_ARG_MMPROJ": "/srv/q.gguf"}},
            "mmproj and environment.LLAMA_ARG_MMPROJ name the same file → keep mmproj",
        ),
    ],
)
def test_a_wrong_one_is_refused_in_words(
    model: Callable[..., Raw], wrong: Callable[..., str], keys: Raw, words: str
) -> None:
    assert words in wrong(model(**keys))


def test_a_gated_model_names_its_token_and_the_plan_carries_the_name_alone(
    model: Callable[..., Raw], planned: Callable[..., Raw]
) -> None:
    raw = model()
    raw["providers"]["native"]["models"] = [{"name": "m", **URL, "url_token": "HF_TOKEN"}]
    with pytest.raises(RegistryError, match=r"ai_backend_secrets\.HF_TOKEN: has no value, 'native' needs it"):
        planned(raw)
    raw["secrets"] = {**raw.get("secrets", {}), "HF_TOKEN": "hf-of-a-lab"}
    plan = planned(raw)
    (file,) = plan["hosts"]["one"]["downloads"]
    assert file["secret"] == "HF_TOKEN"
    assert "hf-of-a-lab" not in str(plan)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"source": "tiny", "url_token": "HF_TOKEN"}, "url_token is for a url"),
        ({**URL, "url_token": "LITELLM_MASTER_KEY"}, "url_token is a secret of the deployment"),
        ({**URL, "url_token": "hf_token"}, "url_token"),
    ],
)
def test_what_is_no_token_is_refused(
    lab: Callable[..., Raw], planned: Callable[..., Raw], keys: Raw, words: str
) -> None:
    raw = lab()
    raw["providers"]["native"]["models"] = [{"name": "m", **keys}]
    with pytest.raises(RegistryError, match=words):
        planned(raw)


@pytest.mark.parametrize(
    ("given", "seconds"), [("15m", "900"), ("2h", "7200"), ("90s", "90"), (30, "30"), ("30", "30")]
)
def test_a_model_that_sleeps_is_started_so(config: Callable[..., Raw], given: object, seconds: str) -> None:
    found = config(options={"sleep_after": given}, lora="/srv/a.gguf")
    assert found["arguments"] == ["--sleep-idle-seconds", seconds, "--lora", "/srv/a.gguf"]
    assert not any("SLEEP" in name for name in found["environment"])
    assert config(options={"sleep_idle_seconds": given})["arguments"] == ["--sleep-idle-seconds", seconds]


@pytest.mark.parametrize("given", ["soon", "-1", 0, True, "1d", 1.5])
def test_what_is_no_time_to_sleep_is_refused(
    model: Callable[..., Raw], planned: Callable[..., Raw], given: object
) -> None:
    with pytest.raises(RegistryError, match="sleep_after"):
        planned(model(options={"sleep_after": given}))
