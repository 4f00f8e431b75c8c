"""Whatever stands in the files: findings, never a traceback, and never a secret."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from corpus import INVENTORY, at, dump, findings_of, path_of, put, written
from generated_faults import places
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.paths import steps_of
from ansible_collections.lab.ai_backend.plugins.plugin_utils.findings.report import as_lines, document
from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.yaml_files import read_texts
from ansible_collections.lab.ai_backend.plugins.plugin_utils.validation.validation import validate, validate_sources

LAB = written()["lab"]
PLACES = list(places(LAB))
often = settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["*", "^a.*$", "a*b*", "(a|b)", "[", "\\", "8B", "0x10", "os.environ/X", "http://[::1", "{{ x }}", "\x00"]
    ),
)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.text(max_size=8), st.integers()), inner, max_size=4)
    ),
    max_leaves=12,
)


def said(raw: object) -> str:
    """Everything that anybody would read of a registry's findings."""
    findings = validate(raw, INVENTORY).findings
    return "\n".join([*as_lines(findings), str(document(findings))])


@often
@given(st.one_of(st.text(), st.binary()))
def test_any_text_gives_findings(text: str | bytes) -> None:
    for finding in validate_sources(read_texts([("registry.yml", text)]), INVENTORY).findings:
        assert finding.problem
        assert finding.remedy


@often
@given(st.text(alphabet="ai_backend_providers:{}[]-&*!|>'\"#%@`?, \n\t\\x0", max_size=80))
def test_anything_that_looks_like_yaml_gives_findings(text: str) -> None:
    findings_of(f"ai_backend_providers:\n  {text}")


@often
@given(st.sampled_from(PLACES), trees)
def test_anything_anywhere_gives_findings(place: tuple[str | int, ...], value: Any) -> None:
    data = copy.deepcopy(LAB)
    put(data, place, value)
    assert isinstance(said({key.removeprefix("ai_backend_"): part for key, part in data.items()}), str)


@often
@given(st.dictionaries(st.sampled_from([key.removeprefix("ai_backend_") for key in LAB]), trees))
def test_any_parts_give_findings(raw: Any) -> None:
    assert isinstance(said(raw), str)


TEXTS = [place for place in PLACES if isinstance(at(LAB, place), str)]
# Names of things are what findings are about; every other text is not shown whatever it is.
NAMES = {
    "name",
    "provider",
    "default_provider",
    "default_model",
    "model",
    "backend_model",
    "fallback",
    "type",
    "category",
}


def is_name(place: tuple[str | int, ...]) -> bool:
    """Whether the text at a place names something."""
    short_rule = place[0] == "ai_backend_routing" and len(place) == 3
    return place[-1] in NAMES or isinstance(place[-1], int) or place[-1] == "hosts" or short_rule


def raw_with(place: tuple[str | int, ...], value: str) -> dict[str, Any]:
    data = copy.deepcopy(LAB)
    put(data, place, value)
    return {key.removeprefix("ai_backend_"): part for key, part in data.items()}


@pytest.mark.parametrize("place", TEXTS, ids=str)
def test_a_secret_in_any_field_is_in_no_message(place: tuple[str | int, ...]) -> None:
    # One has the shape of a key, the other has not, but somebody gave it as a secret.
    for sentinel in ("sk-sentinel-0123456789abcdef", "sentinel given by hand"):  # pragma: allowlist secret
        raw = raw_with(place, sentinel)
        raw["secrets"] = {**raw["secrets"], "SENTINEL_KEY": sentinel}
        assert sentinel not in said(raw)


@pytest.mark.parametrize("place", [place for place in TEXTS if not is_name(place)], ids=str)
def test_a_text_that_is_no_name_is_in_no_message(place: tuple[str | int, ...]) -> None:
    assert "Sentinel;7" not in said(raw_with(place, "Sentinel;7"))


def test_a_place_is_read_back_as_it_was_written() -> None:
    for place in PLACES:
        assert steps_of(path_of(place)) == place


def test_the_lab_itself_is_sound() -> None:
    assert findings_of(dump(LAB)) == ()
