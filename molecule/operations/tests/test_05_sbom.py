"""The bill of materials is what the format asks for, and names what the host runs."""

import json
import subprocess

from fleet import play

from locked_venv import locked_venv
from locks import pins_of
from toolcache import ROOT

# The format's own library reads it.
READ = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())
sys.exit(str(problem) if problem else 0)
"""


def test_the_bill_is_valid_and_names_what_the_host_runs(gateway, tmp_path):
    run = play("sbom", extra={"ai_backend_sbom_folder": str(tmp_path)})
    assert run.code == 0, run.output
    text = (tmp_path / "gpu1.cdx.json").read_text()
    python = locked_venv("audit", ROOT / "requirements" / "audit.txt") / "bin" / "python"
    done = subprocess.run([python, "-c", READ], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    parts = {part["bom-ref"]: part for part in json.loads(text)["components"]}
    pins = dict(pins_of((ROOT / "roles/litellm/files/litellm.lock").read_text()))
    assert f"pkg:pypi/litellm@{pins['litellm']}" in parts
    for package in ("redis-server", "haproxy"):
        version = gateway.run(f"dpkg-query --show --showformat='${{Version}}' {package}")
        (part,) = (part for part in parts.values() if part["name"] == package)
        assert part["version"] == version
    path = "/var/lib/ai-backend/models/lab-tiny.gguf"
    digest = gateway.run(f"sha256sum {path}").split()[0]
    assert parts["model:lab-tiny.gguf"]["hashes"] == [{"alg": "SHA-256", "content": digest}]
    again = play("sbom", extra={"ai_backend_sbom_folder": str(tmp_path)})
    assert (again.code, again.changed) == (0, 0), again.output
