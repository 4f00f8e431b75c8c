# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's side of the module held_secrets: values leave its result here, before anybody sees it."""

from __future__ import annotations

import time

from ansible.plugins.action import ActionBase

from ..module_utils.host.secret_folder import FolderError, keep, read_kept


class ActionModule(ActionBase):
    """Ansible looks for this class."""

    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """The module's result without values; they are in the folder then."""
        result = super().run(tmp, task_vars)
        # This machine's clock, as the age of what is kept here.
        result["at"] = int(time.time())
        folder = self._task.args.get("folder") or ""
        reveal = bool(folder) and not self._task.check_mode
        if reveal and not self._task.no_log:
            # A connection plugin prints at -vvv what comes over it.
            return {**result, "failed": True, "msg": "values are read back only by a task with no_log: true"}
        arguments = {**self._task.args, "reveal": reveal}
        result.update(self._execute_module(module_args=arguments, task_vars=task_vars))
        for key in ("invocation", "module_stdout", "module_stderr"):
            if reveal:
                result.pop(key, None)
        values = result.pop("values", {})
        if folder:
            try:
                result["kept"] = sorted(name for name in values if not read_kept(folder, name))
                for name in result["kept"]:
                    keep(folder, name, str(values[name]))
            except (FolderError, OSError) as error:
                return {**result, "failed": True, "msg": str(error)}
            result["changed"] = bool(result["kept"])
        return result
