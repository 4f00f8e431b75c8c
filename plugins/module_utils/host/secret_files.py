# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secret files below /etc/ai-backend/secrets: 0600, root's; systemd hands them to the one service that needs each."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import time
from collections.abc import Collection, Iterable, Mapping

from .layout import CLIENT_KEYS, Layout, read_text, write_atomic

# The old value of a rotated key is in a file of its own next to the key's, with the time until which it counts:
# a deploy that knows nothing of the rotation leaves it alone.
BEFORE = "-before.env"
UNTIL = "_BEFORE_UNTIL"
# Secrets whose service takes the old value in addition to the new one: the gateway asks that file at each request,
# an engine is started with both in one line, newest first.
GATEWAY_KEY, ENGINE_KEY = "LITELLM_MASTER_KEY", "AI_BACKEND_ENGINE_KEY"
# The gateway takes two of each, under its own name; who has one under another name sends one.
KEYS_OF_ASKERS = ("AI_BACKEND_MONITORING_KEY", "AI_BACKEND_WEBUI_KEY")
# A file that has one value and nothing else, for programs that read a key from a file.
BARE = ".key"
# When each secret was rotated.
ROTATED = "rotated"

# {file: {key in it: name of the secret}}.
Files = Mapping[str, Mapping[str, str]]


class SecretError(Exception):
    pass


def in_one_line(key: str, name: str) -> bool:
    """Whether a file's key takes two values of the secret `name` in its line.

    An engine's program has a name of its own for its key; under the secret's name is the one that a gateway sends.
    """
    return name == ENGINE_KEY and key != name


def takes_two(key: str, name: str) -> bool:
    """Whether the reader of this key takes the old value in addition to the new one."""
    return (
        name == GATEWAY_KEY
        or name.startswith(CLIENT_KEYS)
        or (key == name and name in KEYS_OF_ASKERS)
        or in_one_line(key, name)
    )


def render(
    file_name: str, names: Mapping[str, str], values: Mapping[str, str], before: Mapping[str, str] | None = None
) -> str:
    """The text of one file: `KEY="value"` for systemd's EnvironmentFile=, `key "value"` for a Redis include (*.conf),
    the one value alone for a key file (*.key).

    A Redis key that begins with `user ` has the user's name and rights; the password gets the `>` that Redis wants.
    `names` = {key in the file: name of the secret}, `before` = {key: value that still counts}. Raises SecretError,
    naming the secret, never its value.
    """
    lines = []
    for key, name in sorted(names.items()):
        value = values.get(name, "")
        if not value:
            raise SecretError(f"secret {name} has no value")
        if any(character in value for character in "\n\r\0"):
            raise SecretError(f"secret {name} holds a line break")
        if in_one_line(key, name):
            value = ",".join([value, *(old for old in [(before or {}).get(key)] if old and old != value)])
        if key.startswith("user "):
            value = ">" + value
        if file_name.endswith(BARE):
            return f"{value}\n"
        lines.append(f"{key}{' ' if file_name.endswith('.conf') else '='}{quoted(value)}\n")
    return "".join(lines)


def quoted(value: str) -> str:
    """A value in double quotes, as systemd's environment files and Redis read them alike."""
    escaped = re.sub(r'(["\\])', r"\\\1", value)
    return f'"{escaped}"'


def unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] == text[-1:] == '"' else text


def stale(layout: Layout, files: Files, values: Mapping[str, str], as_held: Collection[str] = ()) -> dict[str, str]:
    """{file name: text} of the files that are missing, differ or can be read by others.

    `as_held` are names whose value is not known here: what the host holds counts as right.
    A file that the plan no longer names stays: a rollback needs it, and no deploy deletes a secret.
    """
    values = {**values, **held(layout, files, as_held)}
    texts = {name: render(name, names, values, still_valid(layout, name)) for name, names in sorted(files.items())}
    wrong = {}
    for name, text in texts.items():
        path = os.path.join(layout.secrets, name)
        if read_text(path) != text or os.stat(path).st_mode & 0o777 != 0o600:
            wrong[name] = text
    return wrong


def write(layout: Layout, texts: Mapping[str, str]) -> None:
    os.makedirs(layout.secrets, mode=0o700, exist_ok=True)
    for name, text in texts.items():
        write_atomic(os.path.join(layout.secrets, name), text, mode=0o600)


def values(text: str) -> dict[str, str]:
    """{name: value} of a file's text: `NAME="value"` or, in Redis's form, `name "value"`."""
    found = (re.fullmatch(r"(\w+)[= ](.*)", line) for line in text.splitlines())
    return {pair[1]: unquoted(pair[2]) for pair in found if pair}


def values_of(file_name: str, text: str, keys: Collection[str]) -> dict[str, str]:
    """{key: value} of a file's text, in the form that its name tells; `keys` are those that it should have."""
    if file_name.endswith(BARE):
        return {key: text.strip() for key in keys if text.strip()}
    return values(text)


def held(layout: Layout, files: Files, names: Collection[str]) -> dict[str, str]:
    """{name: value} of those secrets that this host's files hold, of `files` = {file: {key: name}}."""
    found: dict[str, str] = {}
    for file_name, keys in sorted(files.items()):
        there = values_of(file_name, read_text(os.path.join(layout.secrets, file_name)) or "", keys)
        found.update(
            (name, there[key].partition(",")[0] if in_one_line(key, name) else there[key])
            for key, name in keys.items()
            if name in names and there.get(key)
        )
    return found


def fingerprint(salt: str, value: str) -> str:
    """Tells equal values from others, and nothing of the value."""
    return hmac.new(salt.encode(), value.encode(), hashlib.sha256).hexdigest()[:16]


def before_of(file_name: str) -> str:
    """The file that keeps a file's key of before."""
    return file_name.rpartition(".")[0] + BEFORE


def read_before(layout: Layout, file_name: str) -> dict[str, tuple[str, int]]:
    """{key: (value, until when it counts, in seconds since 1970)} of a file's keys of before."""
    there = values(read_text(os.path.join(layout.secrets, before_of(file_name))) or "")
    keys = [name.removesuffix(UNTIL) for name in there if name.endswith(UNTIL)]
    return {key: (there.get(f"{key}_BEFORE", ""), int(there[key + UNTIL])) for key in keys}


def still_valid(layout: Layout, file_name: str) -> dict[str, str]:
    """{key: value of before} of those that count now."""
    return {key: value for key, (value, until) in read_before(layout, file_name).items() if until > time.time()}


def accepted_before(layout: Layout, files: Files) -> dict[str, int]:
    """{name: seconds since 1970} of the secrets whose predecessor this host still accepts, and until when."""
    found = {}
    for file_name, keys in files.items():
        for key, (_value, until) in read_before(layout, file_name).items():
            if key in keys and until > time.time():
                found[keys[key]] = until
    return found


def keep_before(layout: Layout, files: Files, new: str, name: str, until: int) -> None:
    """Let the value of `name` count until a time (seconds since 1970), in addition to the new one; 0 ends that at once.

    Only for keys whose service takes two. Nothing is done where the host has no value, or the new one already.
    """
    now = held(layout, files, [name]).get(name)
    for file_name, keys in files.items():
        path = os.path.join(layout.secrets, before_of(file_name))
        for key in (key for key, of_it in keys.items() if of_it == name and takes_two(key, name)):
            # Another key of the file may be in its own rotation.
            kept = read_before(layout, file_name)
            if until and now and now != new:
                kept[key] = (now, until)
            elif not until:
                kept.pop(key, None)
            lines = [f'{k}_BEFORE={quoted(old)}\n{k}{UNTIL}="{end}"\n' for k, (old, end) in sorted(kept.items())]
            if lines:
                write_atomic(path, "".join(lines), mode=0o600)
            elif os.path.exists(path):
                os.unlink(path)


def rotations(layout: Layout) -> dict[str, int]:
    """{name: seconds since 1970} of the secrets that were rotated on this host, and when."""
    return {name: int(at) for name, at in values(read_text(os.path.join(layout.secrets, ROTATED)) or "").items()}


def note_rotation(layout: Layout, name: str, at: int) -> None:
    """Remember when a secret was rotated, so that a controller with the value of before is told."""
    noted = {**rotations(layout), name: at}
    text = "".join(f'{name}="{at}"\n' for name, at in sorted(noted.items()))
    write_atomic(os.path.join(layout.secrets, ROTATED), text, mode=0o600)


def outdated(layout: Layout) -> list[str]:
    """Files with old keys whose time is over for all of them. A reader of such a file compares the time of each key."""
    gone = []
    for name in sorted(os.listdir(layout.secrets) if os.path.isdir(layout.secrets) else []):
        there = values(read_text(os.path.join(layout.secrets, name)) or "") if name.endswith(BEFORE) else {}
        ends = [int(value) for key, value in there.items() if key.endswith(UNTIL)]
        if ends and max(ends) <= time.time():
            gone.append(name)
    return gone


def delete(layout: Layout, names: Iterable[str]) -> None:
    for name in names:
        os.unlink(os.path.join(layout.secrets, name))


def started_with(file_name: str, text: str, environment: Mapping[str, str]) -> bool:
    """Whether a process was started with the values of the file: systemd puts the lines of an *.env file there."""
    return file_name.endswith(".env") and all(environment.get(name) == value for name, value in values(text).items())


def secret(layout: Layout, key: Mapping[str, str]) -> str:
    """A value of a secret file, the newest. Raises SecretError where file or name is missing."""
    return accepted(layout, key)[0]


def accepted(layout: Layout, key: Mapping[str, str]) -> list[str]:
    """The values of a secret file that its service takes, newest first. Raises SecretError as above."""
    text = read_text(os.path.join(layout.secrets, key["file"]))
    if text is None:
        raise SecretError(f"secret file {key['file']} isn't there")
    found = values(text)
    if key["name"] not in found:
        raise SecretError(f"secret file {key['file']} has no {key['name']}")
    value = found[key["name"]]
    before, _until = read_before(layout, key["file"]).get(key["name"], ("", 0))
    both = bool(before) and value.endswith(f",{before}")
    return [value.removesuffix(f",{before}"), before] if both else [value]
