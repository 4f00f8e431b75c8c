# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong on a host, in the same words as what is wrong in the registry.

A finding is a dict {check, severity, path, message, hint}. `check` is one of the checks of docs/errors.md, `severity`
critical or warning, `path` the part of the registry that is meant, or `host.<name>` where none is. No finding holds
what a process was started with or what a service answered: either may hold a secret.
"""

from __future__ import annotations

import difflib


def critical(check, path, message, hint):
    """Something does not work now, or a way back is lost."""
    return {"check": check, "severity": "critical", "path": path, "message": message, "hint": hint}


def warning(check, path, message, hint):
    """What people should know."""
    return dict(critical(check, path, message, hint), severity="warning")


def suggest(word, known):
    """`did you mean 'x'?`, or the first of the known words, or an empty string where there are none."""
    names = sorted(set(known))
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"it has {', '.join(names[:6])}{', …' if len(names) > 6 else ''}" if names else ""
