# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""playbooks/monitoring.yml: files for a Prometheus that the collection does not run."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess

import yaml

from toolcache import ROOT

REGISTRY = {"ai_backend_monitoring": {"enabled": True, "prometheus": {"managed": False}}}


def play(*words: str) -> subprocess.CompletedProcess[str]:
    extra = json.dumps(REGISTRY)
    argv = ["ansible-playbook", str(ROOT / "playbooks/monitoring.yml"), "-e", extra, *words]
    return subprocess.run(argv, cwd=ROOT, env={**os.environ}, capture_output=True, text=True, check=False)


def test_it_writes_targets_rules_and_dashboards(tmp_path: pathlib.Path) -> None:
    done = play("-e", f"render_to={tmp_path}")
    assert done.returncode == 0, done.stdout + done.stderr
    config = yaml.safe_load((tmp_path / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert {"node", "ai-backend", "edge", "llama-cpp", "probe"} <= set(jobs)
    assert not {"prometheus", "alertmanager"} & set(jobs)
    assert jobs["llama-cpp"]["authorization"]["credentials_file"] == "/etc/prometheus/ai-backend/engine.key"
    assert yaml.safe_load((tmp_path / "rules.yml").read_text())["groups"]
    assert len(list((tmp_path / "dashboards").glob("*.json"))) == 6


def test_without_a_folder_it_names_what_to_write() -> None:
    done = play()
    assert done.returncode != 0
    assert "-e render_to=" in done.stdout
