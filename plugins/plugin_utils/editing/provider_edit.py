# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a verb makes of a registry's file: a provider more, one less, or one in rotation or out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..data.plain import Plain
from ..engines.catalog import provider_types
from ..findings.findings import Finding, RegistryError, suggest
from .provider_text import VARIABLE, added, removed, with_status
from .recognition import Answers, recognised

EDITS = ("add", "enable", "disable", "remove")
VERBS = (*EDITS, "list", "test")
_STATUS = {"enable": "active", "disable": "inactive"}
_WORDS = {"add": "added to", "remove": "removed from", "enable": "active in", "disable": "inactive in"}


@dataclass(frozen=True)
class Wish:
    """What a user wrote. url: where the server of a new provider answers; type, models, env_var: as in the registry."""

    verb: str
    provider: str = ""
    url: str = ""
    type: str = ""
    models: tuple[str, ...] = ()
    env_var: str = ""


def wish_of(given: Mapping[str, Plain]) -> Wish:
    """The same from the variables of the playbook; raises RegistryError with all that is wrong."""
    words = {key: str(given.get(key) or "").strip() for key in ("verb", "provider", "url", "type", "env_var")}
    models = given.get("models") or []
    names = models if isinstance(models, list) else str(models).split(",")
    wish = Wish(**words, models=tuple(str(name).strip() for name in names if str(name).strip()))
    found = _mistakes(wish)
    if found:
        raise RegistryError(found)
    return wish


def _mistakes(wish: Wish) -> list[Finding]:
    if wish.verb not in VERBS:
        problem = f"'{wish.verb}' is no verb" if wish.verb else "is not given"
        return [Finding("verb", problem, f"write -e verb=<{'|'.join(VERBS)}>")]
    found = []
    if wish.verb != "list" and not wish.provider:
        found.append(Finding("provider", "is not given", "write -e provider=<its name>"))
    if wish.verb == "add" and not (wish.url or wish.type):
        remedy = "write -e url=http://<host>:<port> of a server that runs, or -e type=<kind of provider>"
        found.append(Finding("url", "is not given", remedy))
    if wish.type and wish.type not in provider_types():
        found.append(Finding("type", f"'{wish.type}' is no kind of provider", suggest(wish.type, provider_types())))
    return found


def entry_of(wish: Wish, answers: Answers) -> dict[str, Plain]:
    """The entry of a new provider; without a type, its server is recognised by its answers."""
    entry: dict[str, Plain] = {"type": wish.type}
    if wish.url:
        entry["base_url"] = wish.url
    if not wish.type:
        entry = recognised(wish.url, answers)
    if wish.env_var:
        entry |= {"requires_api_key": True, "env_var": wish.env_var}
    if wish.models:
        there = entry.get("models")
        known = {_name(model): model for model in there} if isinstance(there, list) else {}
        lacking = [name for name in wish.models if known and name not in known]
        if lacking:
            problem = f"the server has no model {', '.join(lacking)}"
            raise RegistryError([Finding("models", problem, suggest(lacking[0], known) or "write one that it has")])
        entry["models"] = [known.get(name, name) for name in wish.models]
    if not entry.get("models"):
        remedy = "write -e models=<name,name>" if wish.type else "load a model there first"
        raise RegistryError([Finding("models", f"'{wish.provider}' has none", remedy)])
    # The models at the end: the longest part.
    return {key: entry[key] for key in sorted(entry, key=lambda key: key == "models")}


def _name(model: Plain) -> str:
    return str(model["name"]) if isinstance(model, dict) else str(model)


def edited(wish: Wish, providers: Mapping[str, Plain], file: str, text: str, answers: Answers) -> tuple[str, Plain]:
    """The text of the file after the edit, and the providers after it."""
    if wish.verb == "add":
        if wish.provider in providers:
            raise RegistryError(
                [_finding(wish.provider, "is there already", "choose another name, or remove it first")]
            )
        entry = entry_of(wish, answers)
        return added(file, text, wish.provider, entry), {**providers, wish.provider: entry}
    if wish.provider not in providers:
        raise RegistryError(
            [_finding(wish.provider, "is no provider", suggest(wish.provider, providers) or "there is none")]
        )
    if wish.verb == "remove":
        rest = {name: entry for name, entry in providers.items() if name != wish.provider}
        return removed(file, text, wish.provider), rest
    content, status = providers[wish.provider], _STATUS[wish.verb]
    entry = dict(content) if isinstance(content, dict) else {}
    if entry.get("status", "active") == status:
        return text, dict(providers)
    return with_status(file, text, wish.provider, status), {**providers, wish.provider: {**entry, "status": status}}


def _finding(name: str, problem: str, remedy: str) -> Finding:
    return Finding(f"{VARIABLE}.{name}", problem, remedy, check="references")


def summary(wish: Wish, file: str, changed: bool) -> str:
    """What was done, in one line."""
    if not changed:
        return f"{wish.provider} is {_STATUS[wish.verb]} already"
    return f"{wish.provider}: {_WORDS[wish.verb]} {file}. `ansible-playbook playbooks/reload.yml` makes it so."
