"""The secrets lookups: given, else kept, else generated once; and what would have to be generated."""

from __future__ import annotations

import base64
import hashlib
import os
import pathlib
from typing import Any

import pytest
import yaml
from ansible import constants
from ansible.errors import AnsibleLookupError

from ansible_collections.lab.ai_backend.plugins.lookup import lacking_secrets, secrets
from ansible_collections.lab.ai_backend.plugins.module_utils.host import secret_folder

NAMES = ["LITELLM_MASTER_KEY", "REDIS_PASSWORD"]


PLUGIN = "lab.ai_backend.secrets"


@pytest.fixture(scope="module", autouse=True)
def options() -> None:
    """Declare the plugin's options, as Ansible's loader does."""
    for name, plugin in ((PLUGIN, secrets), ("lab.ai_backend.lacking_secrets", lacking_secrets)):
        declared = yaml.safe_load(plugin.DOCUMENTATION)["options"]
        constants.config.initialize_plugin_configuration_definitions("lookup", name, declared)


def lookup(names: list[str], **options: Any) -> dict[str, str]:
    plugin = secrets.LookupModule()
    plugin._load_name = PLUGIN
    (values,) = plugin.run(names, {}, **options)
    result: dict[str, str] = values
    return result


def test_what_nobody_gave_is_generated_once_and_kept_closed(tmp_path: pathlib.Path) -> None:
    folder = tmp_path / "fleet"
    first = lookup(NAMES, folder=str(folder))
    assert first["LITELLM_MASTER_KEY"].startswith("sk-")
    assert len(first["REDIS_PASSWORD"]) >= 43
    assert lookup(NAMES, folder=str(folder)) == first
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_is_given_wins_and_is_not_kept(tmp_path: pathlib.Path) -> None:
    given = {"REDIS_PASSWORD": "mine"}  # pragma: allowlist secret
    assert lookup(["REDIS_PASSWORD"], folder=str(tmp_path), given=given) == given
    assert os.listdir(tmp_path) == []


def test_hosts_get_the_digest_of_a_clients_key(tmp_path: pathlib.Path) -> None:
    name = "AI_BACKEND_CLIENT_CI"
    found = lookup([name], folder=str(tmp_path))[name]
    kept = (tmp_path / name).read_text().strip()
    assert kept.startswith("sk-")
    assert found == "sha256:" + hashlib.sha256(kept.encode()).hexdigest()
    assert lookup([name], folder=str(tmp_path))[name] == found
    assert lookup([name], folder=str(tmp_path), given={name: kept})[name] == found
    # What was read back from a host is the digest already.
    assert lookup([name], folder=str(tmp_path), given={name: found})[name] == found
    # And what only looks like one is a key.
    assert lookup([name], folder=str(tmp_path), given={name: "sha256:no"})[name] != "sha256:no"


def test_the_new_key_of_a_client_is_plain_on_the_controller(tmp_path: pathlib.Path) -> None:
    """As rotate.yml does it: made under another name, handed to the hosts, and stored."""
    name, following = "AI_BACKEND_CLIENT_CI", "AI_BACKEND_CLIENT_CI.next"
    old = lookup([name], folder=str(tmp_path))[name]
    new = lookup([following], folder=str(tmp_path), generate=[following])[following]
    assert lookup([name], folder=str(tmp_path), given={name: new})[name] == new != old
    (tmp_path / following).rename(tmp_path / name)
    assert (tmp_path / name).read_text().startswith("sk-")
    assert lookup([name], folder=str(tmp_path))[name] == new


def test_a_dry_run_generates_nothing(tmp_path: pathlib.Path) -> None:
    values = lookup(NAMES, folder=str(tmp_path), dry=True)
    assert all(values.values())
    assert os.listdir(tmp_path) == []


def test_a_name_without_a_value_is_told_with_the_place_to_give_it(tmp_path: pathlib.Path) -> None:
    with pytest.raises(AnsibleLookupError, match=r"no value for OPENAI_API_KEY → set it in ai_backend_secrets"):
        lookup(["OPENAI_API_KEY"], folder=str(tmp_path), given={"OPENAI_API_KEY": ""})


def test_a_kept_secret_that_others_can_read_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "REDIS_PASSWORD").write_text("x")
    (tmp_path / "REDIS_PASSWORD").chmod(0o644)
    with pytest.raises(AnsibleLookupError, match="chmod 600"):
        lookup(["REDIS_PASSWORD"], folder=str(tmp_path))


def test_of_two_runs_at_once_only_one_value_is_born(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    born = lookup(["REDIS_PASSWORD"], folder=str(tmp_path))
    # The other run looked before the first one had kept its value.
    monkeypatch.setattr(secrets, "value_of", lambda *_: "")
    assert lookup(["REDIS_PASSWORD"], folder=str(tmp_path)) == born
    assert [path.name for path in tmp_path.iterdir()] == ["REDIS_PASSWORD"]


def test_a_successor_has_the_form_of_its_secret(tmp_path: pathlib.Path) -> None:
    name = "LITELLM_MASTER_KEY.next"
    assert lookup([name], folder=str(tmp_path), generate=[name])[name].startswith("sk-")


def test_what_a_controller_lacks_is_named_and_not_made(tmp_path: pathlib.Path) -> None:
    (tmp_path / "REDIS_PASSWORD").write_text("kept")
    (tmp_path / "REDIS_PASSWORD").chmod(0o600)
    plugin = lacking_secrets.LookupModule()
    plugin._load_name = "lab.ai_backend.lacking_secrets"
    names = ["REDIS_PASSWORD", "LITELLM_MASTER_KEY", "AI_BACKEND_ENGINE_KEY", "OPENAI_API_KEY"]
    given = {"AI_BACKEND_ENGINE_KEY": "given", "LITELLM_MASTER_KEY": " "}  # pragma: allowlist secret
    assert plugin.run([names], {}, given=given, folder=str(tmp_path)) == ["LITELLM_MASTER_KEY"]
    assert [path.name for path in tmp_path.iterdir()] == ["REDIS_PASSWORD"]


def test_a_value_older_than_its_rotation_is_outdated_unless_it_is_given(tmp_path: pathlib.Path) -> None:
    lookup(NAMES, folder=str(tmp_path))
    os.utime(tmp_path / "REDIS_PASSWORD", (1000, 1000))
    plugin = lacking_secrets.LookupModule()
    plugin._load_name = "lab.ai_backend.lacking_secrets"

    def outdated(rotated: dict[str, int], **given: str) -> list[str]:
        found: list[str] = plugin.run([NAMES], {}, given=given, folder=str(tmp_path), rotated=rotated)
        return found

    assert outdated(dict.fromkeys(NAMES, 1001)) == ["REDIS_PASSWORD"]
    assert outdated(dict.fromkeys(NAMES, 1000)) == []
    assert outdated({}) == []
    assert outdated(dict.fromkeys(NAMES, 1001), REDIS_PASSWORD="given") == []  # pragma: allowlist secret


def test_a_successor_that_a_dead_run_left_counts_as_new(tmp_path: pathlib.Path) -> None:
    name = "LITELLM_MASTER_KEY.next"
    left = lookup([name], folder=str(tmp_path), generate=[name])
    os.utime(tmp_path / name, (1000, 1000))
    secret_folder.generate(str(tmp_path), name)
    assert (tmp_path / name).stat().st_mtime > 1000
    assert lookup([name], folder=str(tmp_path)) == left


def test_the_identity_of_a_fleet_is_a_certificate_also_where_it_is_rotated(tmp_path: pathlib.Path) -> None:
    name = "AI_BACKEND_FLEET_IDENTITY"
    first = lookup([name], folder=str(tmp_path))[name]
    assert lookup([name], folder=str(tmp_path))[name] == first
    after = lookup([f"{name}.next"], folder=str(tmp_path), generate=[f"{name}.next"])[f"{name}.next"]
    assert first != after
    for made in (first, after):
        assert b"BEGIN PRIVATE KEY" in base64.b64decode(made)  # pragma: allowlist secret
        assert b"BEGIN CERTIFICATE" in base64.b64decode(made)
