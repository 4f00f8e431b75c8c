#!/usr/bin/python
# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Close a generation."""

from __future__ import annotations

DOCUMENTATION = r"""
module: generation
short_description: Close the generation that a deploy opened, and tidy up
version_added: 0.1.0
description:
  - Does nothing on a host where the deploy changed nothing, unless a run before it died after its last change.
  - Then the host runs what the registry states, and the generation of that run is closed.
  - Else it marks the generation complete and deletes old releases beyond O(keep) and artifacts that nothing names.
author:
  - lab.ai_backend contributors (@lab)
extends_documentation_fragment:
  - lab.ai_backend.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  number:
    description: Number of the generation.
    type: int
    required: true
  registry_hash:
    description: Hash of the registry.
    type: str
    default: ""
  finish:
    description: Whether this deploy was of everything, so that it may close the generation of one that died.
    type: bool
    default: false
  run:
    description: The run that has the host and ends here, as P(lab.ai_backend.this_run#lookup) gives it; empty for none.
    type: dict
    default: {}
  keep:
    description:
      - Releases kept of each service, and complete generations whose releases are kept, with one to spare.
      - While one of these generations can't be read nothing is deleted, and a warning names it.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Close the generation
  lab.ai_backend.generation:
    number: 7
"""

RETURN = r"""
pruned:
  description: Releases and artifacts that were deleted.
  type: list
  elements: str
  returned: success
"""


from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host.host import this_host
from ..module_utils.host.layout import Layout, folders_in
from ..module_utils.host.run_lock import give_back
from ..module_utils.releases.generations import Change, Note, newest, path_of, protected_releases, read, record
from ..module_utils.releases.releases import prune, prune_artifacts

ARGUMENTS = {
    "number": {"type": "int", "required": True},
    "registry_hash": {"type": "str", "default": ""},
    "finish": {"type": "bool", "default": False},
    "run": {"type": "dict", "default": {}},
    "keep": {"type": "int", "default": 10},
}


def tidy(layout: Layout, keep: int) -> tuple[list[str], list[str]]:
    """(what was deleted, warnings). What an unreadable generation names is unknown, so then nothing is deleted."""
    protected, unreadable = protected_releases(layout, keep)
    if unreadable:
        return [], [
            f"generation {number} can't be read ({path_of(layout, number)}): put the file back from a backup or remove "
            "it; until then no old release is deleted"
            for number in unreadable
        ]
    pruned: list[str] = []
    for service in folders_in(layout.releases):
        gone = prune(layout, service, keep, protected.get(service, set()))
        pruned.extend(f"release {service}/{name}" for name in gone)
    return pruned + [f"artifact {name}" for name in prune_artifacts(layout)], []


def unfinished(layout: Layout, number: int, finish: bool) -> int:
    """The generation this deploy opened, or with `finish` the newest one, where a run died before its end; or 0."""
    found = read(layout, newest(layout) if finish else number)
    return found["number"] if found and not found["complete"] else 0


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    host, params = this_host(), module.params
    layout = host.layout
    number = unfinished(layout, params["number"], params["finish"])
    if not number or module.check_mode:
        give_back(layout, params["run"])
        module.exit_json(changed=bool(number), pruned=[])
    record(host, Change(number, params["registry_hash"]), Note(complete=True))
    pruned, warnings = tidy(layout, params["keep"])
    give_back(layout, params["run"])
    for line in warnings:
        module.warn(line)
    module.exit_json(changed=True, pruned=pruned)


if __name__ == "__main__":
    main()
