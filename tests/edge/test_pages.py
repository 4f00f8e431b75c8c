"""What browsers meet at a page that the edge serves, and how the page asks the gateway."""

from __future__ import annotations

import contextlib
import http.client
import pathlib
from collections.abc import Iterator

import pytest

from ansible_collections.lab.ai_backend.plugins.plugin_utils.registry.registry import load
from plans import config_of, make_plan
from stand_in import KEY, Answer, Slot, free_port, listens, own_address, rendered, started, until

REGISTRY = {
    "providers": {"far": {"type": "openai_compatible", "base_url": "http://10.9.9.9:1", "models": ["m"]}},
    "cache": {"enabled": False},
    "gateway": {"requests_per_minute": 5},
}
WEBUI = {"enabled": True, "urls": ["http://10.0.0.1:5000"], "requests_per_minute": 50, "max_upload_bytes": 2048}


class Page:
    """An edge in front of a gateway and a page; both are stand-ins."""

    def __init__(self, folder: pathlib.Path, gateway: Slot, page: Slot) -> None:
        self.address, self.port, self.gateway_port = own_address(), free_port(), free_port()
        ports = {"services": {"openwebui": self.port, "litellm_gateway": self.gateway_port}}
        plan = make_plan(load({**REGISTRY, "webui": WEBUI, "ports": ports}), {"gateway": ["one"]}, {})
        row = {"config": config_of(plan, "one", "edge")}
        row["config"]["gateway"]["slots"] = dict.fromkeys(row["config"]["gateway"]["slots"], gateway.where)
        row["config"]["pages"][0] |= {"to": page.where, "private": ["/metrics"]}
        self.log = folder / "log"
        self.process = started(folder, rendered(folder, row))
        until(lambda: listens((self.address, self.port)), self.log, self.process)

    def ask(self, path: str, method: str = "GET", to: tuple[str, int] | None = None, **options: object) -> Answer:
        """One request to the page, or to another address."""
        connection = http.client.HTTPConnection(*(to or (self.address, self.port)), timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, **options)  # type: ignore[arg-type]
            return Answer(connection.getresponse())


@pytest.fixture
def behind() -> Iterator[Slot]:
    """In place of the page."""
    slot = Slot()
    yield slot
    slot.shutdown()


@pytest.fixture
def page(tmp_path: pathlib.Path, slot: Slot, behind: Slot) -> Iterator[Page]:
    one = Page(tmp_path, slot, behind)
    yield one
    one.process.terminate()
    one.process.wait()


def test_a_browser_needs_no_key_and_gets_every_path(page: Page, behind: Slot) -> None:
    answer = page.ask("/some/page", headers={"Host": "chat.example.com", "X-Forwarded-For": "127.0.0.1"})
    assert answer.status == 200
    (seen,) = behind.seen
    assert seen["path"] == "/some/page"
    assert seen["headers"]["host"] == "chat.example.com"
    assert seen["headers"]["x-forwarded-for"] == page.address
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "server" not in answer.names


def test_a_file_that_is_too_large_is_refused(page: Page, behind: Slot) -> None:
    assert page.ask("/api/v1/files/", "POST", body=b"x" * 2000).status == 200
    assert page.ask("/api/v1/files/", "POST", body=b"x" * 3000).status == 413
    # Without a length, more than the edge's buffer holds.
    assert page.ask("/api/v1/files/", "POST", body=iter([b"x" * 3000]), encode_chunked=True).status == 413


def test_sign_ins_are_counted_apart(page: Page) -> None:
    status = [page.ask("/api/v1/auths/signin", "POST", body=b"{}").status for _ in range(31)]
    assert status == [200] * 30 + [429]
    assert page.ask("/").status == 200


def test_an_address_has_a_limit(page: Page) -> None:
    assert [page.ask("/").status for _ in range(51)][-1] == 429


def test_the_page_asks_the_gateway_without_a_count_of_its_address(page: Page) -> None:
    inside, outside = ("127.0.0.2", page.gateway_port), (page.address, page.gateway_port)
    assert {page.ask("/v1/models", to=inside, headers=KEY).status for _ in range(20)} == {200}
    assert [page.ask("/v1/models", to=outside, headers=KEY).status for _ in range(7)][-1] == 429


def test_what_a_page_keeps_for_its_host_is_hidden_from_others(page: Page, behind: Slot) -> None:
    for path in ("/metrics", "/metrics/", "/%6detrics", "/metrics?x"):
        assert page.ask(path).status == 404
    assert behind.seen == []
    assert page.ask("/metrics", to=("127.0.0.2", page.port)).status == 200
    assert page.ask("/my/metrics").status == 200


def test_a_page_that_is_not_up_is_told_in_words(page: Page, behind: Slot) -> None:
    behind.shutdown()
    behind.server_close()
    answer = page.ask("/")
    assert answer.status == 503
    assert b"open-webui is not up" in answer.body
