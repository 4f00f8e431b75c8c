# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's side of the module release: no call for a service that the host reports as up to date."""

from __future__ import annotations

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ..module_utils.releases.releases import ARGUMENTS, content_from, identifier


class ActionModule(ActionBase):
    """Ansible looks for this class."""

    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """The module's result. The id is a function of the arguments, so it can be had here."""
        result = super().run(tmp, task_vars)
        checked = ArgumentSpecValidator(ARGUMENTS).validate(self._task.args)
        host = (task_vars or {}).get("ai_backend_host") or {}
        if not checked.error_messages:
            release_id = identifier(content_from(checked.validated_parameters))
            if host.get("settled", {}).get(self._task.args["instance"]) == release_id:
                done = {"id": release_id, "previous": release_id, "settled": True, "missing": [], "shown": {}}
                return {**result, **done, "changed": False, "asked": False, "free_bytes": host["free_bytes"]}
        return {**result, **self._execute_module(task_vars=task_vars)}
