"""The real Open WebUI on a host: deployed from its lock, and used as people use it, in a browser and over its API.

A llama-server with random weights answers, so shapes, refusals and what a page shows are tested, and no text. The
picture of the page is kept in build/, to be looked at. The browser is that of the machine, which
`tests/tools/bootstrap chromium` installs.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from locked_venv import locked_venv
from toolcache import ROOT

HERE = pathlib.Path(__file__).resolve().parent
TOOLS = ROOT / "tests" / "tools"
HOST, ADDRESS = "lab-ai-backend-heavy-page1", "198.18.61.11"
PAGE, GATEWAY = f"https://{ADDRESS}:5000", f"https://{ADDRESS}:4000"
EMAIL = "admin@example.com"
UNIT = "ai-backend-open-webui"
LOCK = ROOT / "roles/open_webui/files/open-webui.lock"
PICTURE = ROOT / "build" / "open-webui.png"
RECAP = re.compile(r"^page1 +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=(\d+)", re.MULTILINE)


def play(path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook of this checkout against the host."""
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", str(HERE / "webui")]
    return subprocess.run(
        [*command, path, *arguments], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )


def done(path: str, *arguments: str) -> int:
    """Run a playbook that succeeds. Returns how many tasks changed something."""
    run = play(path, *arguments)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    found = RECAP.search(run.stdout)
    return int(found[1]) if found else 0


def on_host(command: str) -> str:
    run = subprocess.run(["docker", "exec", HOST, "bash", "-c", command], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def certificate(folder: pathlib.Path) -> None:
    """A PEM file as an operator puts one on a host."""
    files = ["-keyout", str(folder / "key"), "-out", str(folder / "crt")]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=page"]
    command += ["-addext", f"subjectAltName=IP:{ADDRESS}"]
    subprocess.run([*command, *files], check=True, capture_output=True)
    (folder / "page.pem").write_text((folder / "crt").read_text() + (folder / "key").read_text())


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    """The controller's secrets of a deployed host."""
    if not shutil.which("chromium"):
        pytest.fail("there is no chromium on this machine: tests/tools/bootstrap chromium")
    folder = tmp_path_factory.mktemp("page")
    (folder / "tls").mkdir()
    certificate(folder / "tls")
    environment = {**os.environ, "SUITES": "bookworm"}
    tool = [sys.executable, TOOLS / "wheelhouse.py", LOCK]
    wheels = subprocess.run(tool, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    os.environ |= {"AI_BACKEND_PAGE_WHEELHOUSE": wheels, "AI_BACKEND_PAGE_FOLDER": str(folder)}
    done("molecule/shared/destroy.yml")
    done("molecule/shared/create.yml")
    start = time.monotonic()
    done("playbooks/deploy.yml")
    print(f"\nfirst deploy with Open WebUI: {time.monotonic() - start:.0f} s", file=sys.stderr)
    yield folder / "secrets"
    done("molecule/shared/destroy.yml")


def trust() -> ssl.SSLContext:
    """The certificate of the test and no other."""
    return ssl.create_default_context(cafile=pathlib.Path(os.environ["AI_BACKEND_PAGE_FOLDER"], "tls", "crt"))


def client_of(base_url: str, key: str = "") -> httpx.Client:
    """A client of the page or of the gateway."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.Client(base_url=base_url, headers=headers, verify=trust(), trust_env=False, timeout=120)


def sign_in(password: str) -> httpx.Response:
    with client_of(PAGE) as visitor:
        return visitor.post("/api/v1/auths/signin", json={"email": EMAIL, "password": password})


@pytest.fixture(scope="module")
def person(secrets: pathlib.Path) -> Iterator[httpx.Client]:
    """The first account, signed in."""
    answer = sign_in((secrets / "AI_BACKEND_WEBUI_PASSWORD").read_text().strip())
    assert answer.status_code == 200, answer.text
    with client_of(PAGE, answer.json()["token"]) as client:
        yield client


def in_browser(secrets: pathlib.Path) -> dict[str, Any]:
    """What a person sees who asks something."""
    PICTURE.parent.mkdir(exist_ok=True)
    python = locked_venv("browser", ROOT / "requirements/browser.txt") / "bin/python"
    command = [str(python), str(HERE / "browser.py"), PAGE, EMAIL, "tiny", str(PICTURE)]
    password = (secrets / "AI_BACKEND_WEBUI_PASSWORD").read_text()
    run = subprocess.run(command, input=password, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-4000:]
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def test_a_person_asks_in_a_browser_and_reads_the_answer(secrets: pathlib.Path) -> None:
    shown = in_browser(secrets)
    assert shown["answer"].strip()
    assert "Say hello to the lab." in shown["text"]
    assert any(url.startswith(f"wss://{ADDRESS}:5000/ws/") for url in shown["sockets"]), shown["sockets"]


def test_it_has_exactly_the_models_of_its_client(person: httpx.Client) -> None:
    assert {model["id"] for model in person.get("/api/models").json()["data"]} == {"tiny", "vectors"}


def test_an_answer_comes_through_the_gateway(person: httpx.Client) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "stream": False, "max_tokens": 8}
    answer = person.post("/api/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] is not None


def test_a_document_is_searched_with_the_model_of_the_registry(person: httpx.Client) -> None:
    files = {"file": ("lab.txt", b"The lab is in the cellar. " * 4, "text/plain")}
    sent = person.post("/api/v1/files/?process=true&process_in_background=false", files=files)
    assert sent.status_code == 200, sent.text
    made = person.post("/api/v1/knowledge/create", json={"name": "lab", "description": "where it is"})
    assert made.status_code == 200, made.text
    name = made.json()["id"]
    added = person.post(f"/api/v1/knowledge/{name}/file/add", json={"file_id": sent.json()["id"]})
    assert added.status_code == 200, added.text
    asked = {"collection_names": [name], "query": "Where is the lab?", "k": 1}
    found = person.post("/api/v1/retrieval/query/collection", json=asked)
    assert found.status_code == 200, found.text
    assert "cellar" in found.text


def test_nobody_without_an_account_gets_in(secrets: pathlib.Path) -> None:
    assert sign_in("wrong").status_code == 400
    with client_of(PAGE) as visitor:
        body = {"name": "x", "email": "x@example.com", "password": "a-long-password"}
        assert visitor.post("/api/v1/auths/signup", json=body).status_code == 403
        assert visitor.get("/api/models").status_code in (401, 403)
        assert visitor.get("/health").status_code == 200


def test_a_page_of_another_address_gets_no_web_socket(secrets: pathlib.Path) -> None:
    def refusal(origin: str) -> str:
        """Web sockets alone are offered, so that this request is refused for one reason or the other."""
        with client_of(PAGE) as visitor:
            return visitor.get("/ws/socket.io/?EIO=4&transport=polling", headers={"Origin": origin}).text

    assert "Invalid transport" in refusal(PAGE)
    assert "is not an accepted origin" in refusal("https://other.example.com")


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(secrets: pathlib.Path) -> None:
    connection = http.client.HTTPSConnection(ADDRESS, 5000, context=trust(), timeout=60)
    with contextlib.closing(connection):
        connection.putrequest("POST", "/api/v1/files/")
        connection.putheader("Content-Length", str(200 * 1024 * 1024))
        connection.endheaders()
        assert connection.getresponse().status == 413


def test_its_keys_are_in_no_file_that_others_read_and_in_no_command_line(secrets: pathlib.Path) -> None:
    names = ("AI_BACKEND_WEBUI_KEY", "AI_BACKEND_WEBUI_PASSWORD", "AI_BACKEND_WEBUI_SECRET")
    values = [(secrets / name).read_text().strip() for name in names]
    lines = on_host("cat /opt/ai-backend/releases/*/*/files/* /opt/ai-backend/releases/*/*/*.json; ps -eo args")
    logs = on_host("journalctl --no-pager")
    assert [value for value in values if value in lines or value in logs] == []
    assert on_host("stat -c %a /etc/ai-backend/secrets/open-webui.env /var/lib/ai-backend/open-webui").split() == [
        "600",
        "700",
    ]


def test_nothing_but_the_edge_listens_off_loopback(secrets: pathlib.Path) -> None:
    listening = on_host("ss -Hltnp").splitlines()
    foreign = [line for line in listening if "haproxy" not in line and not re.search(r"\s(127\.|\[::1\])", line)]
    assert foreign == []
    assert [line for line in listening if "uvicorn" in line or "python" in line] == []


def test_a_second_deploy_changes_nothing(secrets: pathlib.Path) -> None:
    assert done("playbooks/deploy.yml") == 0


def test_status_and_ports_know_it(secrets: pathlib.Path) -> None:
    assert re.search(r"open-webui +(active|running)", play("playbooks/status.yml").stdout), "no line of it"
    assert re.search(r"managed +5000 +openwebui +ai-backend-edge", play("playbooks/ports.yml").stdout)


def test_another_release_keeps_the_accounts_and_a_rollback_brings_it_back(person: httpx.Client) -> None:
    before = on_host("readlink /opt/ai-backend/instances/open-webui")
    done("playbooks/deploy.yml", "-e", json.dumps({"open_webui_environment": {"WEBUI_NAME": "Lab"}}))
    assert on_host("readlink /opt/ai-backend/instances/open-webui") != before
    assert person.get("/api/config").json()["name"].startswith("Lab")
    assert person.get("/api/v1/auths/").json()["email"] == EMAIL
    done("playbooks/rollback.yml", "-e", "ai_backend_confirm=true")
    assert on_host("readlink /opt/ai-backend/instances/open-webui") == before
    assert person.get("/api/v1/auths/").json()["email"] == EMAIL


def test_a_release_that_does_not_start_is_rolled_back(person: httpx.Client) -> None:
    variables = {"open_webui_environment": {"DATABASE_URL": "nonsense"}, "open_webui_timeout": 60}
    run = play("playbooks/deploy.yml", "-e", json.dumps(variables))
    assert run.returncode != 0
    assert person.get("/api/v1/auths/").json()["email"] == EMAIL


def test_a_new_password_of_the_account_does_not_stop_a_deploy(person: httpx.Client, secrets: pathlib.Path) -> None:
    old = (secrets / "AI_BACKEND_WEBUI_PASSWORD").read_text().strip()
    changed = {"password": old, "new_password": "another-long-password"}
    assert person.post("/api/v1/auths/update/password", json=changed).status_code == 200
    done("playbooks/deploy.yml", "-e", json.dumps({"open_webui_environment": {"WEBUI_NAME": "Other"}}))
    assert sign_in("another-long-password").status_code == 200


def test_its_key_is_rotated_without_a_pause(secrets: pathlib.Path) -> None:
    old = (secrets / "AI_BACKEND_WEBUI_KEY").read_text().strip()
    done("playbooks/rotate.yml", "-e", "secret=AI_BACKEND_WEBUI_KEY")
    new = (secrets / "AI_BACKEND_WEBUI_KEY").read_text().strip()
    assert new != old

    def status(key: str) -> int:
        with client_of(GATEWAY, key) as client:
            return client.get("/v1/models").status_code

    assert (status(old), status(new), status("sk-wrong-key-of-nobody")) == (200, 200, 401)
    # Another password ended the session of before.
    with client_of(PAGE, sign_in("another-long-password").json()["token"]) as client:
        assert {model["id"] for model in client.get("/api/models").json()["data"]} == {"tiny", "vectors"}


def test_without_it_the_unit_goes_and_the_data_stays(secrets: pathlib.Path) -> None:
    done("playbooks/deploy.yml", "-e", json.dumps({"ai_backend_webui": {"enabled": False}}))
    assert on_host(f"systemctl is-active {UNIT} || true").strip() != "active"
    assert "5000" not in on_host("ss -Hltn")
    assert on_host("ls /var/lib/ai-backend/open-webui/data/webui.db")
    with client_of(GATEWAY) as client:
        assert client.get("/health/liveliness").status_code == 200
