#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fill the model store of a release of Ollama, or tidy it up."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ollama_store
short_description: Fill the model store of a release of Ollama, or tidy it up
version_added: 0.2.0
description:
  - C(fetched) downloads and makes models in a unit of its own on the host, while the release before serves.
  - It returns after O(wait) seconds with the progress, and the next call looks again.
  - The new store begins with the models of the release before, so only what differs is downloaded.
  - C(tidied) removes all models but the given ones, and the files that no given model has.
author:
  - lab.ai_backend contributors (@lab)
extends_documentation_fragment:
  - lab.ai_backend.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  state:
    description: What to do.
    type: str
    choices: [fetched, tidied]
    default: fetched
  instance:
    description: The instance whose store it is.
    type: str
    required: true
  store:
    description: The store, a folder for C(OLLAMA_MODELS) next to those of other releases.
    type: path
    required: true
  models:
    description: The models, each with C(name), C(pull), C(file), C(digest), C(recipe) and C(aliases).
    type: list
    elements: dict
    required: true
  program:
    description: The program of the release; needed to fetch.
    type: path
    default: ""
  prune:
    description: Do not take over other models of the release before.
    type: bool
    default: false
  replaces:
    description: Units of an Ollama whose models are taken over if there is no release before.
    type: list
    elements: str
    default: []
  bundled:
    description:
      - A folder on the host with models, laid out as a store, which only root may write.
      - What the store lacks of it is moved there before anything is fetched, and the folder is removed.
    type: path
    default: ""
  port:
    description: Port of the server that runs on the store; needed to tidy up.
    type: int
    default: 0
  wait:
    description: Seconds until it returns, if not all is there.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Install | Fetch the models
  lab.ai_backend.ollama_store:
    instance: ollama@lab
    store: /var/lib/ai-backend/models/ollama/lab/0123456789ab
    program: /opt/ai-backend/artifacts/ollama-0123456789ab/bin/ollama
    models:
      - {name: "llama3.1:8b", pull: "llama3.1:8b", file: "", digest: 46e0c10c039e, recipe: {}, aliases: []}
"""

RETURN = r"""
finished:
  description: Whether the store is complete.
  type: bool
  returned: success
progress:
  description: What is done now, with amount, rate and remaining time of a download.
  type: str
  returned: success
removed:
  description: Names of the models that were removed, or in check mode would be.
  type: list
  elements: str
  returned: when O(state=tidied)
"""

import os
import shutil
from collections.abc import Collection, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.fetching import unit as fetching
from ..module_utils.fetching.looking import FetchError
from ..module_utils.fetching.state import may_download_by
from ..module_utils.host.host import Host, this_host
from ..module_utils.host.layout import ARTIFACT_MARKER, service_of, user_of
from ..module_utils.ollama import store as stores
from ..module_utils.ollama import unit
from ..module_utils.ollama.fetch import Request
from ..module_utils.ollama.others import link_blobs, models_of
from ..module_utils.ollama.server import OllamaError, Server
from ..module_utils.switching.replaced import in_use, lend, return_files

ARGUMENTS: dict[str, dict[str, Any]] = {
    "state": {"type": "str", "choices": ["fetched", "tidied"], "default": "fetched"},
    "instance": {"type": "str", "required": True},
    "store": {"type": "path", "required": True},
    "models": {"type": "list", "elements": "dict", "required": True},
    "program": {"type": "path", "default": ""},
    "prune": {"type": "bool", "default": False},
    "replaces": {"type": "list", "elements": "str", "default": []},
    "bundled": {"type": "path", "default": ""},
    "port": {"type": "int", "default": 0},
    "wait": {"type": "int", "default": 10},
}


def names_of(models: list[Mapping[str, Any]]) -> set[str]:
    """All names that the given models have on the server."""
    return {name for spec in models for name in (spec["name"], spec["pull"], *spec["aliases"]) if name}


def source_of(host: Host, params: Mapping[str, Any]) -> tuple[str, str]:
    """(store that the new one begins with, unit that it belongs to if it is not managed), empty for none."""
    here = stores.current(host.layout, params["instance"], os.path.dirname(params["store"]))
    if here:
        return here, ""
    found = ((models_of(host, name), name) for name in in_use(host, params["replaces"]))
    return next((pair for pair in found if pair[0]), ("", ""))


def begin(host: Host, params: Mapping[str, Any], source: str, lender: str) -> None:
    """Start the unit. What it needs of a `lender` is made ready before, because only root can."""
    service, parent = service_of(params["instance"]), os.path.dirname(params["store"])
    owner = unit.owner_of(service)
    unit.make_parent(parent, owner)
    keep = sorted(names_of(params["models"])) if params["prune"] else None
    adopted = stores.texts_of(source, keep) if lender else {}
    # First, because it stops where the bundle does not fit.
    bundled = unbundled(params, adopted if lender else stores.texts_of(source, keep) if source else {}, owner)
    if lender:
        lend(host.layout, lender, os.path.join(source, stores.BLOBS), owner[0])
        link_blobs(source, parent, adopted.values(), owner)
    request: Request = {
        "program": params["program"],
        "store": params["store"],
        "source": "" if lender else source,
        "keep": keep,
        "adopted": adopted,
        "bundle": params["bundled"],
        "bundled": bundled,
        "specs": params["models"],
        "environment": may_download_by(os.environ),
    }
    fetching.start(host, params["instance"], "ollama.fetch", request, user_of(service), [parent])


def unbundled(params: Mapping[str, Any], before: Mapping[str, str], owner: tuple[int, int]) -> dict[str, str]:
    """Give the stores what they lack of a bundle's files. Returns the manifests of the models with them."""
    folder = params["bundled"]
    if not folder:
        return {}
    try:
        found = stores.from_bundle(params["models"], before, stores.texts_of(folder))
        link_blobs(folder, os.path.dirname(params["store"]), found.values(), owner)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def fetched(module: AnsibleModule, host: Host) -> dict[str, Any]:
    """Begin or follow a fetch, for a while."""
    params = module.params
    result = {"changed": False, "finished": True, "progress": "complete"}
    missing = [name for name in names_of(params["models"]) if name not in stores.manifests(params["store"])]
    if os.path.exists(os.path.join(params["store"], ARTIFACT_MARKER)) and not missing:
        return result
    source, lender = source_of(host, params)
    lines = stores.differing(source, params["models"])
    if params["prune"]:
        lines += [f"leave out {name}" for name in stores.manifests(source) if name not in names_of(params["models"])]
    result |= {"changed": True, "diff": {"prepared": "".join(f"{line}\n" for line in lines)}}
    if module.check_mode:
        return {**result, "progress": f"{len(lines)} changes"}
    name = params["instance"]
    if not fetching.begun(host, name, {"store": params["store"], "bundle": params["bundled"]}):
        begin(host, params, source, lender)
    try:
        return {**result, **fetching.look_at(host, name, params["wait"])}
    except FetchError as error:
        for other in params["replaces"]:
            return_files(host.layout, other)
        raise OllamaError(f"{error}. Nothing was switched, and what served before serves as before") from error


def tidy(store: str, wanted: Collection[str], port: int) -> None:
    """Remove other models from the server, which has a list of its own in memory, and then from the disk."""
    server = Server(f"http://127.0.0.1:{port}")
    for name in [name for name in stores.manifests(store) if name not in wanted]:
        server.delete(name)
    stores.remove(stores.leftovers(store, wanted)[1])


def tidied(module: AnsibleModule) -> dict[str, Any]:
    """Remove what no given model needs."""
    params = module.params
    store, wanted = params["store"], names_of(params["models"])
    names, paths = stores.leftovers(store, wanted)
    if not module.check_mode and paths + names:
        unit.as_user(unit.owner_of(service_of(params["instance"])), lambda: tidy(store, wanted, params["port"]))
    lines = [f"model {name} removed" for name in names]
    lines += (
        [f"{len(paths)} files and folders that no other model has, below {os.path.dirname(store)}"] if paths else []
    )
    return {
        "changed": bool(lines),
        "finished": True,
        "progress": f"{len(names)} models removed",
        "removed": names,
        "diff": {"prepared": "".join(f"{line}\n" for line in lines)},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = tidied(module) if module.params["state"] == "tidied" else fetched(module, this_host())
    except (FetchError, OllamaError, OSError) as error:
        module.fail_json(msg=str(error), finished=True, progress="failed")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
