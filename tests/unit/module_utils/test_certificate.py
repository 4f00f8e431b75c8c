"""The certificate of the edge: what keeps it from serving, or will soon."""

from __future__ import annotations

import pathlib
import subprocess
import time

import pytest

from ansible_collections.lab.ai_backend.plugins.module_utils.host.layout import Layout, write_atomic
from ansible_collections.lab.ai_backend.plugins.module_utils.inspection.certificate import (
    certificate_findings,
    without_tls,
)

HEADINGS = "-----BEGIN CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\n"  # pragma: allowlist secret


@pytest.fixture
def layout(tmp_path: pathlib.Path) -> Layout:
    return Layout(str(tmp_path))


def told(layout: Layout) -> list[tuple[str, str]]:
    return [(row["severity"], row["message"]) for row in certificate_findings(layout, "/etc/edge.pem")]


def issued(layout: Layout, days: int) -> None:
    """A certificate that ends after so many days, and its key, as one file."""
    place = pathlib.Path(layout.path("etc/edge.pem"))
    place.parent.mkdir(exist_ok=True)
    names = ["-keyout", f"{place}.key", "-out", f"{place}.crt", "-subj", "/CN=edge.test"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(["openssl", "req", "-x509", *kind, *names, "-days", str(days)], check=True, capture_output=True)
    place.write_text(pathlib.Path(f"{place}.key").read_text() + pathlib.Path(f"{place}.crt").read_text())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "/etc/edge.pem isn't there"),
        ("nonsense", "/etc/edge.pem has no certificate and no private key"),
        ("-----BEGIN CERTIFICATE-----\n", "/etc/edge.pem has no private key"),
        (HEADINGS, "the certificate in /etc/edge.pem can't be read"),
    ],
)
def test_a_file_that_the_edge_could_not_take_is_found(layout: Layout, text: str | None, problem: str) -> None:
    if text is not None:
        write_atomic(layout.path("etc/edge.pem"), text, 0o600)
    assert told(layout) == [("critical", problem)]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (90, []),
        (22, []),
        (20, [("warning", "the certificate in /etc/edge.pem ends in 19 days")]),
        (1, [("warning", "the certificate in /etc/edge.pem ends in 0 days")]),
    ],
)
def test_its_end_is_told_three_weeks_before(layout: Layout, days: int, expected: list[tuple[str, str]]) -> None:
    issued(layout, days)
    assert told(layout) == expected


def test_one_that_has_expired_is_critical(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    issued(layout, 1)
    ten_days_later = time.time() + 10 * 86400
    monkeypatch.setattr("time.time", lambda: ten_days_later)
    assert told(layout) == [("critical", "the certificate in /etc/edge.pem has expired")]


def test_a_gateway_without_tls_is_a_warning() -> None:
    (finding,) = without_tls("::")
    assert finding["severity"] == "warning"
    assert finding["message"].startswith("the gateway listens on :: without TLS")
    assert without_tls("") == []
