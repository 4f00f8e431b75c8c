# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: path of an artifact on a host."""

from __future__ import annotations

from ..plugin_utils.data.plain import to_plain
from ..plugin_utils.plan.artifacts import artifact_path


def path_of(name, *inputs):
    """Plain inputs in, one str out."""
    return artifact_path(str(name), *(to_plain(value) for value in inputs))


class FilterModule:
    def filters(self):
        return {"artifact_path": path_of}
