# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values of environment variables: YAML reads `X: 1` as a number, an environment contains texts."""

from __future__ import annotations


def text_of(value: object) -> str:
    """A value as an environment has it."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def texts(environment: object) -> object:
    """A mapping with texts for its numbers and booleans; anything else is unchanged."""
    if not isinstance(environment, dict):
        return environment
    return {name: text_of(value) if isinstance(value, int | float) else value for name, value in environment.items()}
