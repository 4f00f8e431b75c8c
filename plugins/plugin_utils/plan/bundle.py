# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a bundle must contain for a plan. The filter that calls this loads no pydantic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Needs = Mapping[str, Any]
Row = Mapping[str, Any]
# What makes a model of many files one of its kind.
_KEY = ("kind", "name", "revision")


def bundle_plan(rows: Sequence[Row]) -> dict[str, Any]:
    """{parts, files, models, wrong} of hosts with what their services need.

    rows: {host, platform, services} of each host; a service is {instance, packages, lock, archive, models, pulled}:
    names of packages, the text of a lock or an empty one, {url, sha256} or an empty mapping, models as in the plan, and
    the sources of models of many files, {kind: hub, repo, revision, token} or {kind: library, name, digest}.
    parts: {host: {platform, packages, locks, wheels}} with one host for each platform, the first; it makes the part for
    all of the same kind. files: {name, url, sha256, secret}, sorted. models: {kind, name, revision, digests, secret},
    sorted. wrong: what can't be bundled, in words.
    """
    parts: dict[str, dict[str, Any]] = {}
    for platform in dict.fromkeys(row["platform"] for row in rows):
        same = [row for row in rows if row["platform"] == platform]
        services = [service for row in same for service in row["services"]]
        parts[same[0]["host"]] = {
            "platform": platform,
            "packages": sorted({name for service in services for name in service["packages"] if name}),
            "locks": sorted({service["lock"] for service in services if service["lock"]}),
            "wheels": _once(model["source"]["wheel"] for model in _models(services, "wheel")),
        }
    services = [service for row in rows for service in row["services"]]
    archives = [service["archive"] for service in services if service["archive"].get("url")]
    sources = [*archives, *(model["source"] for model in _models(services, "url"))]
    files = _once({"secret": "", "name": _name(file), **_address(file)} for file in sources)
    models = _pulled(source for service in services for source in service["pulled"])
    return {"parts": parts, "files": files, "models": models, "wrong": sorted({*_wrong(rows), *_twice(models)})}


def _models(services: Iterable[Needs], kind: str) -> Iterator[Mapping[str, Any]]:
    return (model for service in services for model in service["models"] if model["source"]["kind"] == kind)


def _name(file: Mapping[str, str]) -> str:
    return file["url"].rpartition("/")[2]


def _address(file: Mapping[str, str]) -> dict[str, str]:
    return {key: file[key] for key in ("url", "sha256", "secret") if key in file}


def _once(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found = {str(sorted(row.items())): dict(row) for row in rows}
    return [found[key] for key in sorted(found)]


def _pulled(sources: Iterable[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Each model of many files once, with all that is known of it."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for source in sources:
        key = (source["kind"], source.get("repo") or source["name"], source.get("revision", ""))
        one = found.setdefault(key, {**dict(zip(_KEY, key, strict=True)), "digests": [], "secret": ""})
        one["digests"] = sorted({*one["digests"], source.get("digest", "")} - {""})
        one["secret"] = one["secret"] or source.get("token", "")
    return [found[key] for key in sorted(found)]


def _twice(models: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A library has one model under a name."""
    for model in models:
        longest = max(model["digests"], key=len, default="")
        if not all(longest.startswith(digest) for digest in model["digests"]):
            yield f"{model['name']} has the digests {' and '.join(model['digests'])}: write the same one everywhere"


def _wrong(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        for service in row["services"]:
            where = f"{row['host']}: {service['instance']}"
            archive = service["archive"]
            if archive and not (archive.get("url") and archive.get("sha256")):
                how = "playbooks/engine_source.yml prints both"
                yield f"{where} needs the address of its archive and its sha256: {how}"
