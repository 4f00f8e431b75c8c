"""A host keeps the code that its commands import and units run, all of it and nothing else."""

from __future__ import annotations

import pathlib
import subprocess
import sys

from ansible_collections.lab.ai_backend.plugins.lookup.host_library import (
    COMMANDS,
    PACKAGE,
    STARTED_THERE,
    LookupModule,
)

# Prints every file of the library that the command has loaded.
LOADED = """
import sys
print(*(m.__file__ for n, m in sys.modules.items() if n.startswith("ansible_collections") and m.__file__), sep="\\n")
"""


def test_the_commands_load_what_is_shipped_and_all_of_that(tmp_path: pathlib.Path) -> None:
    (library,) = LookupModule().run([])
    for name, text in library.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    texts = [command.read_text().replace("/opt/ai-backend/lib", str(tmp_path)) for command in COMMANDS]
    imports = "\n".join(text.partition("\nADMIN_SOCKET")[0] for text in texts)
    imports += "".join(f"\nimport {PACKAGE}.{path.replace('/', '.')}" for path in STARTED_THERE)
    done = subprocess.run([sys.executable, "-I", "-c", imports + LOADED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {str(tmp_path / name) for name in library}
