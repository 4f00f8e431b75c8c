"""What was changed on a host outside of its releases is found, also by a deploy, and put right as the finding tells."""

import json

import pytest
from fleet import play, wait

ENGINE = "llama-cpp@llama_cpp_native"
OPT, STATE = "/opt/ai-backend", "/var/lib/ai-backend"
# Its files belong to another user of the host.
OTHER = "nobody"


def look(**extra):
    """Exit code, and what was changed on the host, as a program reads it."""
    run = play("validate", "--tags", "live", extra=extra, ANSIBLE_STDOUT_CALLBACK="lab.ai_backend.findings")
    document = json.loads(run.output[run.output.index("{") : run.output.rindex("}") + 1])
    return run.code, [row for row in document["findings"] if row["check"] == "integrity"]


def the_finding(path, problem, hint):
    """`validate --tags live` has one finding, which names all three."""
    code, (row,) = look()
    assert (code != 0, row["severity"]) == (True, "critical")
    assert path in row["message"]
    assert problem in row["message"]
    assert hint in row["hint"]


def stopped(words, **extra):
    """A deploy stops before any change, and its words name the path."""
    run = play("deploy", extra=extra)
    assert run.code != 0, run.output
    assert run.changed == 0, run.output
    assert words in " ".join(run.output.split())
    assert "Nothing was changed." in run.output


def put_right(path):
    """A deploy puts it right, and its words name the path."""
    run = play("deploy")
    assert run.code == 0, run.output
    assert path in " ".join(run.output.split())
    again = play("deploy")
    assert (again.code, again.changed) == (0, 0), again.output
    assert look() == (0, [])


def artifact(gateway, service):
    """The artifact of an instance's release."""
    manifest = json.loads(gateway.run(f"cat {OPT}/instances/{service}/manifest.json"))
    return manifest["artifact"]


def test_a_host_as_deployed_is_as_it_was_installed(gateway):
    before = gateway.pids()
    assert look(ai_backend_check_sums=True) == (0, [])
    assert gateway.pids() == before


def test_an_edited_file_of_the_gateway_stops_a_deploy_and_a_new_installation_replaces_it(gateway, client):
    slot = gateway.slot()
    folder = artifact(gateway, f"litellm@{slot}")
    name = gateway.run(f"cd {folder} && ls -d lib/python3*/site-packages/litellm/__init__.py").strip()
    gateway.run(f"echo '# edited' >> {folder}/{name}")
    the_finding(folder, f"{name} has ", f"move {folder} away")
    stopped(f"{name} has ")
    assert client.answers()
    # A file that is not read at each start can be put back; here the remedy of the finding is followed.
    gateway.run(f"mv {folder} /root/evidence")
    run = play("deploy")
    assert run.code == 0, run.output
    assert gateway.slot() != slot, "the gateway that serves must not have read the edited file"
    gateway.run("rm -r /root/evidence")
    assert client.answers()
    assert look() == (0, [])


def test_a_foreign_dropin_stops_a_deploy(gateway):
    path = "/etc/systemd/system/ai-backend-redis.service.d/override.conf"
    gateway.run(f"printf '[Service]\\nEnvironment=X=1\\n' > {path} && systemctl daemon-reload")
    try:
        the_finding(path, "no release has it", "remove it")
        stopped(path)
    finally:
        gateway.run(f"rm {path} && systemctl daemon-reload")
    assert look() == (0, [])


@pytest.mark.parametrize(("path", "mode"), [("/etc/ai-backend/secrets", "0755"), (f"{OPT}/instances", "0777")])
def test_a_folder_that_others_can_open_is_closed_by_a_deploy(gateway, path, mode):
    gateway.run(f"chmod {mode} {path}")
    the_finding(path, f"(mode {mode})", "ansible-playbook lab.ai_backend.deploy")
    put_right(path)
    assert gateway.run(f"stat -c %a {path}").strip() == {"0755": "700", "0777": "755"}[mode]


def test_a_release_of_another_owner_is_given_back_to_root_by_a_deploy(gateway):
    folder = f"{OPT}/releases/redis/{gateway.release('redis')}"
    gateway.run(f"chown {OTHER} {folder}")
    the_finding(folder, "belongs to user", "ansible-playbook lab.ai_backend.deploy")
    put_right(folder)
    assert gateway.run(f"stat -c %U {folder}").strip() == "root"


def test_a_changed_model_stops_a_deploy_and_is_made_again(gateway, client):
    path = f"{STATE}/models/lab-tiny.gguf"
    before = gateway.pids()
    gateway.run(f"cp -a {path} /root/model && printf x >> {path}")
    the_finding(path, "is not the file that was installed", "put the file back, or move it away")
    stopped(path)
    gateway.run(f"mv {path} /root/evidence")
    run = play("deploy")
    assert run.code == 0, run.output
    gateway.run(f"cmp {path} /root/model && rm /root/model /root/evidence")
    unit = f"ai-backend-{ENGINE}.service"
    assert gateway.pids()[unit] != before[unit], "the engine must read the model again"
    wait(client.answers, 30)
    assert look() == (0, [])


def test_the_sums_find_what_has_the_same_size_and_time(gateway):
    folder = artifact(gateway, ENGINE)
    name = gateway.run(f"cd {folder} && find . -name 'libllama*.so*' -type f | head -1").strip().removeprefix("./")
    gateway.run(
        f"cd {folder} && cp -a {name} /root/kept && printf x | dd of={name} bs=1 seek=4000 conv=notrunc status=none "
        f"&& touch -r /root/kept {name}"
    )
    try:
        assert look() == (0, [])
        code, (row,) = look(ai_backend_check_sums=True)
        assert (code != 0, f"{name} has another SHA-256" in row["message"]) == (True, True)
        stopped(f"{name} has another SHA-256", ai_backend_check_sums=True)
    finally:
        gateway.run(f"cp -a /root/kept {folder}/{name} && rm /root/kept")


def test_a_repaired_file_of_a_release_is_named_and_its_service_reads_it_again(gateway, client):
    before = gateway.pids()
    path = f"{OPT}/releases/redis/{gateway.release('redis')}/files/redis.conf"
    gateway.run(f"echo 'maxclients 9' >> {path}")
    run = play("deploy")
    assert run.code == 0, run.output
    assert "files/redis.conf of release" in " ".join(run.output.split())
    assert gateway.run(f"grep -c maxclients {path} || true").strip() == "0"
    assert gateway.pids()["ai-backend-redis.service"] != before["ai-backend-redis.service"]
    assert play("deploy").changed == 0
    wait(client.answers, 20)


def test_stray_bytes_below_the_managed_folders_are_warnings(gateway):
    odd = r"$(printf 'caf\351')"
    folders = f"{OPT}/instances {OPT}/releases {OPT}/releases/redis {OPT}/artifacts {STATE}/generations"
    loop = f"for folder in {folders} /etc/ai-backend/secrets; do"
    gateway.run(
        f"{loop} printf '\\377' > $folder/{odd}; mkfifo $folder/pipe; chmod 600 $folder/pipe $folder/{odd}; done"
    )
    try:
        code, rows = look()
        assert (code, {row["severity"] for row in rows}, len(rows)) == (0, {"warning"}, 10)
        assert sum(r"caf\xe9 does not belong there" in row["message"] for row in rows) == 5
        for run in (play("deploy"), play("status"), play("rollback", "-e", "ai_backend_list=true")):
            assert (run.code, run.changed) == (0, 0), run.output
    finally:
        gateway.run(f"{loop} rm $folder/{odd} $folder/pipe; done")
