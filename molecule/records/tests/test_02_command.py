"""The command `ai-backend` on a host, and what a person sees of it in a terminal."""

import json
import os
import re
import shutil
import subprocess

import pytest
from fleet import play, wait
from recorded import PLACE, ask

SESSION = "ai-backend-records"


def command(gateway, words, code=0):
    """Standard output of the command."""
    done = gateway.host.run(f"ai-backend {words}")
    assert done.rc == code, f"{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout


class Terminal:
    """A terminal of 80 by 24 with a command on the host in it, as over ssh."""

    def __init__(self, gateway, words):
        self.tmux("kill-session", "-t", SESSION, check=False)
        inside = f"docker exec -it -e TERM=screen {gateway.container} {words}; echo ended with $?; sleep 600"
        self.tmux("new-session", "-d", "-s", SESSION, "-x", "80", "-y", "24", inside)

    def tmux(self, *words, check=True):
        """What tmux prints."""
        return subprocess.run(["tmux", *words], capture_output=True, text=True, check=check).stdout

    def screen(self):
        """What is on it now; a line that is wider than the terminal is one line."""
        return self.tmux("capture-pane", "-p", "-J", "-t", SESSION)

    def shows(self, text, seconds=20):
        """The screen, as soon as something is on it."""
        wait(lambda: re.search(text, self.screen()), seconds)
        return self.screen()

    def press(self, *keys):
        """As somebody at the keyboard."""
        self.tmux("send-keys", "-t", SESSION, *keys)

    def close(self):
        """End it."""
        self.tmux("kill-session", "-t", SESSION, check=False)


@pytest.fixture
def terminal(gateway):
    """One after the other, if there is tmux."""
    assert shutil.which("tmux"), "there is no tmux: run `apt-get install -y --no-install-recommends tmux`"
    opened = []

    def open_one(words):
        opened.append(Terminal(gateway, words))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def keep(name, text):
    """For people who want to look at it."""
    folder = os.environ.get("CAPTURES")
    if folder:
        with open(os.path.join(folder, f"{name}.txt"), "w", encoding="utf-8") as file:
            file.write(text)


def test_requests_are_found_by_their_id_and_summed_up(gateway, client):
    identifier = ask(client).headers["x-request-id"]
    wait(lambda: gateway.host.run(f"ai-backend requests --id {identifier}").rc == 0, 15)
    (line,) = command(gateway, f"requests --id {identifier} --json").splitlines()
    assert json.loads(line)["client"] == "ci"
    assert "lab-tiny" in command(gateway, f"requests --id {identifier}")
    total = json.loads(command(gateway, "requests --since 1h --summary --json"))
    assert total["all"]["requests"] >= 1
    assert "by model" in command(gateway, "requests --since 1h --summary")
    assert command(gateway, "requests --id nobody", 1) == ""


def test_who_may_not_read_is_told_what_to_do(gateway):
    done = gateway.host.run("runuser -u nobody -- ai-backend requests")
    assert done.rc == 1
    assert "use sudo" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_question_is_followed_through_its_hops(gateway, client):
    found = json.loads(command(gateway, "ask --model lab-tiny --prompt hello --max-tokens 3 --json"))
    assert found["status"] == 200
    assert [hop["hop"] for hop in found["hops"]] == [
        "client to edge",
        "edge",
        "gateway",
        "engine of llama_cpp_native",
    ]
    assert sum(hop["ms"] for hop in found["hops"]) == pytest.approx(found["total_ms"], abs=3)
    assert found["gateway"]["id"] == found["id"]
    text = command(gateway, "ask --model lab-absent --prompt hello --max-tokens 3")
    keep("ask", text)
    assert "not by absent: no_engine" in text
    assert "error: there is no model" in command(gateway, "ask --model nothing", 1)


def test_the_cache_is_seen_and_flushed(gateway, client):
    command(gateway, "cache flush --yes") if gateway.host.run("ai-backend cache keys").rc == 0 else None
    assert command(gateway, "cache keys", 1) == ""
    for _ in range(3):
        ask(client)
    wait(lambda: json.loads(command(gateway, "cache stats --json"))["keys"] == 3, 15)
    assert command(gateway, "cache flush", 2) == ""
    rows = [json.loads(line) for line in command(gateway, "cache keys --json").splitlines()]
    assert {row["model"] for row in rows} == {"lab-tiny"}
    assert "keys" in command(gateway, "cache watch --count 1 --interval 1s")
    assert command(gateway, "cache flush --yes --model other", 1) == ""
    assert command(gateway, "cache flush --yes --model lab-tiny").startswith("3 answers were deleted")


def test_a_redis_that_is_away_is_told(gateway):
    gateway.run("systemctl stop ai-backend-redis")
    try:
        done = gateway.host.run("ai-backend cache stats")
    finally:
        gateway.run("systemctl start ai-backend-redis")
    assert done.rc == 1
    assert "Redis at 127.0.0." in done.stderr
    assert "Traceback" not in done.stderr


def test_no_password_is_in_the_arguments_of_the_command(gateway):
    password = gateway.secret("redis.conf", "requirepass")
    assert password not in gateway.run("ps -eo args")
    assert password not in command(gateway, "cache stats --json")


def test_requests_are_followed_in_a_terminal(gateway, client, terminal):
    window = terminal("ai-backend requests --follow --client ci")
    window.shows("waiting for requests")
    identifier = ask(client).headers["x-request-id"]
    client.ask()
    text = window.shows(identifier)
    keep("follow", text)
    assert "operator" not in text
    # The file is turned over under it.
    gateway.run(f"mv {PLACE} {PLACE}.1")
    window.shows(ask(client).headers["x-request-id"])
    window.press("C-c")
    window.shows("ended with 0")


def test_top_shows_the_host_and_ends_with_q(gateway, client, terminal):
    for _ in range(3):
        ask(client)
    ask(client, model="lab-absent")
    window = terminal("ai-backend top")
    text = window.shows(r"lab-tiny +\d+ +\d+")
    keep("top", text)
    assert re.search(r"slots: .*\(serves\)", text)
    assert re.search(r"llama_cpp_native +\d+ +\d+ .*closed", text)
    assert "changes" in text
    assert "q quits" in text
    before = re.search(r"lab-tiny +\d+ +(\d+)", text)[1]
    ask(client)
    wait(lambda: re.search(r"lab-tiny +\d+ +(\d+)", window.screen())[1] != before, 20)
    window.press("q")
    assert "ended with 0" in window.shows("ended with 0")


def test_top_without_a_terminal_is_told_what_to_do(gateway):
    done = gateway.host.run("ai-backend top < /dev/null")
    assert done.rc == 2
    assert "ssh -t" in done.stderr
    assert json.loads(command(gateway, "top --json"))["slots"]


def test_the_same_from_the_controller(client):
    run = play("requests", "-e", "since=1h")
    assert run.code == 0, run.output
    assert "by provider" in run.output
    run = play("ask", extra={"model": "lab-tiny", "prompt": "hello"})
    assert run.code == 0, run.output
    assert "engine of llama_cpp_native" in run.output
    run = play("cache")
    assert run.code == 0, run.output
    assert "hit ratio" in run.output
    refused = play("cache", "-e", "flush=true")
    assert refused.code != 0
    assert "add --yes" in refused.output
