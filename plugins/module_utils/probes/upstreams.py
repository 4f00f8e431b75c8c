# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask each engine, from the gateway's host, whether it is well and which models it has.

What kinds of providers there are is the plan's to know: an upstream names how it is asked, and what to do where it
lacks a model.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Collection, Mapping, Sequence
from typing import NotRequired, TypedDict

from ..host.edge import EDGE_UNIT
from ..host.findings import Finding, critical, suggest, warning
from ..host.layout import Layout
from ..host.secret_files import SecretError, secret
from ..releases.releases import keys_of_gateway

# What an edge answers for an engine that is not in memory (roles/edge/templates/haproxy.cfg.j2).
ASLEEP = (" is asleep", " is not loaded")
# A list of models is some kilobytes; what answers without end is no engine.
LONGEST = 8_000_000


class Model(TypedDict):
    """A model that the registry names, and its path there."""

    name: str
    path: str


class Spelling(TypedDict):
    """How a model's name is brought to one spelling: endings go, then the tag is added where there is no `:`."""

    tag: str
    endings: list[str]


class Upstream(TypedDict):
    """An upstream of the plan; `health` and `models_url` are URLs as this gateway sees them.

    `key` is the name of the key that the gateway sends, or empty; `headers` are sent with it in the place of `{key}`.
    `aliases`: whether a name that is not listed is asked for alone, at models_url/<name>. `any_name`: it answers to
    any name with the one model it was started with. `wakes`: it may be asleep, and a look does not wake it. `unit` is
    its systemd unit when it is managed, else empty. `hint` names how a model is got that it lacks, with `{model}`.
    """

    provider: str
    host: str
    health: str
    models_url: str
    models: list[Model]
    key: str
    headers: dict[str, str]
    spelling: Spelling
    aliases: bool
    any_name: bool
    wakes: NotRequired[bool]
    unit: str
    hint: str


class UnansweredError(Exception):
    """Nothing answered; the text gives the reason in a few words, without anything the other side sent."""


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would take the key to another address."""

    def redirect_request(self, *_arguments: object) -> None:
        return None


def opener_for(url: str) -> urllib.request.OpenerDirector:
    """Past a proxy for addresses of one's own network, through it for names, as the gateway does."""
    name = urllib.parse.urlsplit(url).hostname or ""
    try:
        ipaddress.ip_address(name)
        direct = True
    except ValueError:
        direct = name == "localhost"
    return urllib.request.build_opener(NoRedirects(), *([urllib.request.ProxyHandler({})] if direct else []))


def get(url: str, headers: Mapping[str, str], timeout: float) -> tuple[int, str]:
    """(status, text) of a GET. Raises UnansweredError."""
    try:
        question = urllib.request.Request(url, headers=headers)  # noqa: S310 - the plan gives http and https only
        with opener_for(url).open(question, timeout=timeout) as answer:
            return answer.status, answer.read(LONGEST).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        with contextlib.suppress(OSError):
            return error.code, error.read(LONGEST).decode("utf-8", "replace")
        return error.code, ""
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise UnansweredError(getattr(reason, "strerror", None) or type(reason).__name__) from None


def headers_of(layout: Layout, upstream: Upstream) -> dict[str, str]:
    """The key as this provider takes it. Raises SecretError where it is not on the host."""
    if not upstream["key"]:
        return {}
    value = secret(layout, {"file": keys_of_gateway(layout), "name": upstream["key"]})
    return {name: text.replace("{key}", value) for name, text in upstream["headers"].items()}


def plain_name(spelling: Spelling, name: str) -> str:
    """One spelling of a model's name, whichever the engine and the registry chose."""
    for ending in spelling["endings"]:
        name = name.removesuffix(ending)
    return name if ":" in name or not spelling["tag"] else f"{name}:{spelling['tag']}"


def listed(text: str) -> list[str]:
    """The names in a list of models, in OpenAI's form or in Ollama's. Raises ValueError where it is neither."""
    try:
        answer = json.loads(text)
        return [entry["id"] for entry in answer["data"]] if "data" in answer else [e["name"] for e in answer["models"]]
    except (KeyError, TypeError) as error:
        raise ValueError("no list of models") from error


class Engine:
    """One upstream, looked at within `timeout` seconds an answer."""

    def __init__(self, layout: Layout, upstream: Upstream, timeout: float) -> None:
        self.layout = layout
        self.upstream = upstream
        self.timeout = timeout
        self.path = f"ai_backend_providers.{upstream['provider']}"
        # A managed one on another host is asked through the edge of this host, whose address names no host.
        where = f"on {upstream['host']} at" if upstream["unit"] else "at"
        self.provider = f"'{upstream['provider']}' {where}"
        self.name = f"{self.provider} {upstream['health']}"

    def look(self) -> list[Finding]:
        """Findings."""
        try:
            headers = headers_of(self.layout, self.upstream)
        except SecretError as error:
            hint = f"give ai_backend_secrets.{self.upstream['key']} a value, and deploy"
            return [critical("secrets", self.path, f"{self.name} can't be asked: {error}", hint)]
        try:
            status, text = get(self.upstream["health"], headers, self.timeout)
            if self.upstream.get("wakes") and status == 503 and any(words in text for words in ASLEEP):
                return []
            unwell = self.unwell(status)
            if unwell:
                return [unwell]
            if self.upstream["models_url"] != self.upstream["health"]:
                status, text = get(self.upstream["models_url"], headers, self.timeout)
        except UnansweredError as error:
            return [self.dead(f"does not answer: {error}")]
        return self.models(status, text, headers)

    def dead(self, problem: str) -> Finding:
        """What to do about an engine that is managed, or is not."""
        hint = "start it there, or write `status: inactive`"
        unit, host = self.upstream["unit"], self.upstream["host"]
        if unit:
            hint = f"look at `journalctl -u {unit} -u {EDGE_UNIT} -n 50` on {host}, then deploy"
        return critical("references", self.path, f"{self.name} {problem}", hint)

    def unwell(self, status: int) -> Finding | None:
        """The finding of an answer that is no good one, or None."""
        key = self.upstream["key"]
        if status in (401, 403) and key:
            hint = f"correct ai_backend_secrets.{key}, and deploy"
            return critical("secrets", self.path, f"{self.name} refuses the key {key} ({status})", hint)
        if status in (401, 403):
            hint = "name its key: `env_var: SOME_API_KEY`"
            return critical("secrets", self.path, f"{self.name} needs a key, and none is configured ({status})", hint)
        if not 200 <= status < 300:
            return self.dead(f"answers {status}")
        return None

    def models(self, status: int, text: str, headers: Mapping[str, str]) -> list[Finding]:
        """Findings of the models that the registry names and the engine lacks."""
        where = f"{self.provider} {self.upstream['models_url']}"
        unlisted = self.unwell(status) if status in (401, 403) else None
        if unlisted:
            return [unlisted]
        try:
            names = listed(text) if 200 <= status < 300 else None
        except ValueError:
            names = None
        if names is None:
            message = f"{where} does not list its models ({status})"
            return [warning("references", self.path, message, "whether it has them can't be told from here")]
        spelling = self.upstream["spelling"]
        known = {plain_name(spelling, name) for name in names}
        lacking = [model for model in self.upstream["models"] if plain_name(spelling, model["name"]) not in known]
        return [self.lacking(where, model, names) for model in lacking if not self.alias(model["name"], headers)]

    def alias(self, name: str, headers: Mapping[str, str]) -> bool:
        """Whether it takes a name that it does not list."""
        if not self.upstream["aliases"]:
            return False
        url = f"{self.upstream['models_url']}/{urllib.parse.quote(name, safe='')}"
        try:
            return get(url, headers, self.timeout)[0] == 200
        except UnansweredError:
            return False

    def lacking(self, where: str, model: Model, names: Sequence[str]) -> Finding:
        message = f"{where} does not have '{model['name']}'"
        near = suggest(model["name"], names)
        if self.upstream["any_name"]:
            return warning("references", model["path"], message, f"{near}, and answers to any name with it")
        get_it = self.upstream["hint"].replace("{model}", model["name"])
        return critical("references", model["path"], message, f"{near} else {get_it}" if near else get_it)


def local_port(url: str) -> int:
    """The port of a URL on this very machine, else 0."""
    parts = urllib.parse.urlsplit(url)
    here = parts.hostname in ("localhost", "127.0.0.1", "127.0.0.2", "::1")
    return (parts.port or 0) if here else 0


def ask_all(
    layout: Layout, upstreams: Sequence[Upstream], held: Collection[int] = (), timeout: float = 5
) -> list[Finding]:
    """Findings of all engines, asked side by side; what has not ended in time is told as such.

    On ports of this machine that other processes hold (`held`) nothing is asked: they would get the engine's key. A
    single read has its own bound of `timeout` seconds; an answer that trickles is left behind with its thread.
    """
    engines = [Engine(layout, upstream, timeout) for upstream in upstreams]
    found: list[list[Finding] | None] = [None] * len(engines)

    def work(index: int) -> None:
        engine = engines[index]
        other = local_port(engine.upstream["health"]) in held
        found[index] = [engine.dead("is not checked: another process listens there")] if other else engine.look()

    threads = [threading.Thread(target=work, args=(index,), daemon=True) for index in range(len(engines))]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 3 * timeout
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    late = f"does not end its answer within {3 * timeout:.0f} s"
    return [
        finding
        for engine, findings in zip(engines, found, strict=True)
        for finding in ([engine.dead(late)] if findings is None else findings)
    ]
