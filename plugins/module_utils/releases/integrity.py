# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether rollbacks are possible: every generation readable, its releases whole, what they run from in its place."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import cast

from ..host.findings import Finding, critical, warning
from ..host.layout import ARTIFACT_MARKER, Layout, service_of
from .generations import Generation, path_of, read_all
from .releases import RELEASE_MARK, Content, current_texts, dropin_head, identifier


def content_on_disk(layout: Layout, service: str, release_id: str) -> Content:
    """What a release was made from, put together again from its files. Raises ValueError, KeyError."""
    folder = layout.release(service, release_id)
    texts = current_texts(layout, service, release_id)
    texts = {name: text.replace(folder, RELEASE_MARK) for name, text in texts.items()}
    content = json.loads(texts["manifest.json"])
    del content["id"], content["units"]
    for part in ("files", "units"):
        start = part + "/"
        content[part] = {name.removeprefix(start): text for name, text in texts.items() if name.startswith(start)}
    content["dropin"] = texts["release.conf"].removeprefix(dropin_head(release_id))
    return cast(Content, content)


def damage(layout: Layout, service: str, release_id: str) -> list[str]:
    """Why a release can't be started again, in words; none when it can. Its id is the checksum of what it holds."""
    name = f"release {release_id} of {service}"
    if not os.path.isdir(layout.release(service, release_id)):
        return [f"{name} is gone"]
    try:
        content = content_on_disk(layout, service, release_id)
        whole = identifier(content) == release_id
    except (ValueError, KeyError, TypeError, OSError):
        whole = False
    if not whole:
        return [f"{name} is not what it was when it was made"]
    needed = content["requires"] + [os.path.join(layout.secrets, file) for file in content["secrets"]]
    if content["artifact"]:
        needed.append(os.path.join(content["artifact"], ARTIFACT_MARKER))
    gone = [path for path in dict.fromkeys(needed) if not os.path.exists(path)]
    if len(gone) > 1:
        # A store of models that was removed would be a line for each of them.
        return [f"{name} needs {gone[0]} and {len(gone) - 1} more that aren't there"]
    return [f"{name} needs {path}, which isn't there" for path in gone]


def nearest(good: Mapping[int, Generation]) -> set[int]:
    """The current generation and the last complete one before it: those a rollback at night needs."""
    newest = max(good, default=0)
    before = [number for number, content in good.items() if number < newest and content.get("complete")]
    return {newest, max(before, default=newest)}


def generation_findings(layout: Layout, host: str, keep: int = 10) -> list[Finding]:
    """Findings. Of older generations than the newest `keep`, releases may have been tidied away."""
    path = f"host.{host}"
    good, bad = read_all(layout)
    found = [
        critical(
            "generations",
            path,
            f"generation {number} can't be read: {path_of(layout, number)}",
            "put the file back from a backup, or remove it: the other generations stay",
        )
        for number in bad
    ]
    damaged: dict[str, set[int]] = {}
    for number in sorted(good)[-keep:]:
        for instance, entry in sorted(good[number]["instances"].items()):
            for reason in damage(layout, service_of(instance), entry["release"]):
                damaged.setdefault(reason, set()).add(number)
    urgent = nearest(good)
    for reason, affected in sorted(damaged.items()):
        names = ", ".join(map(str, sorted(affected)))
        message = f"{reason}: no rollback to generation {names}"
        if affected & urgent:
            hint = "run `ansible-playbook lab.ai_backend.deploy`: it makes again what the registry still names"
            found.append(critical("generations", path, message, hint))
        else:
            found.append(warning("generations", path, message, "nothing to do, unless you want to go back that far"))
    return found
