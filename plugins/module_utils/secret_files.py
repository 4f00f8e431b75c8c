# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secret files below /etc/ai-backend/secrets: 0600, root's; systemd hands them to the one service that needs each."""

from __future__ import annotations

import os
import re

from ansible_collections.lab.ai_backend.plugins.module_utils.layout import read_text, write_atomic


class SecretError(Exception):
    pass


def render(file_name, names, values):
    """The text of one file: `KEY="value"` for systemd's EnvironmentFile=, `key "value"` for a Redis include (*.conf).

    `names` = {key in the file: name of the secret}. Raises SecretError, naming the secret, never its value.
    """
    lines = []
    for key, name in sorted(names.items()):
        value = values.get(name, "")
        if not value:
            raise SecretError("secret %s has no value" % name)
        if any(character in value for character in "\n\r\0"):
            raise SecretError("secret %s holds a line break" % name)
        lines.append("%s%s%s\n" % (key, " " if file_name.endswith(".conf") else "=", quoted(value)))
    return "".join(lines)


def quoted(value):
    """A value in double quotes, as systemd's environment files and Redis read them alike."""
    return '"%s"' % re.sub(r'(["\\])', r"\\\1", value)


def unquoted(text):
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] == text[-1:] == '"' else text


def stale(layout, files, values):
    """{file name: text} of the files that are missing, differ or can be read by others.

    A file that the plan no longer names stays: a way back needs it, and no deploy deletes a secret.
    """
    texts = {name: render(name, names, values) for name, names in sorted(files.items())}
    wrong = {}
    for name, text in texts.items():
        path = os.path.join(layout.secrets, name)
        if read_text(path) != text or os.stat(path).st_mode & 0o777 != 0o600:
            wrong[name] = text
    return wrong


def write(layout, texts):
    os.makedirs(layout.secrets, mode=0o700, exist_ok=True)
    for name, text in texts.items():
        write_atomic(os.path.join(layout.secrets, name), text, mode=0o600)


def values(text):
    """{name: value} of a file's text: `NAME="value"` or, in Redis's form, `name "value"`."""
    found = (re.fullmatch(r"(\w+)[= ](.*)", line) for line in text.splitlines())
    return {pair[1]: unquoted(pair[2]) for pair in found if pair}


def started_with(file_name, text, environment):
    """Whether a process was started with what the file says: systemd puts the lines of an *.env file there."""
    return file_name.endswith(".env") and all(environment.get(name) == value for name, value in values(text).items())


def secret(layout, key):
    """A value of a secret file. Raises SecretError where file or name is missing."""
    text = read_text(os.path.join(layout.secrets, key["file"]))
    if text is None:
        raise SecretError("secret file %s isn't there" % key["file"])
    found = values(text)
    if key["name"] not in found:
        raise SecretError("secret file %s has no %s" % (key["file"], key["name"]))
    return found[key["name"]]
