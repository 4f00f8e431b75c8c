"""A /proc made of files: processes, what they hold, who listens."""

from __future__ import annotations

import ipaddress
import pathlib
import shutil
import struct

UNIX_HEAD = "Num       RefCount Protocol Flags    Type St Inode Path\n"
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def hexed(address: str) -> str:
    """An address as /proc/net/tcp writes it."""
    packed = ipaddress.ip_address(address).packed
    return "".join(f"{word:08X}" for word in struct.unpack(f"={len(packed) // 4}I", packed))


class Proc:
    """Processes of a host below a folder; `groups` heads every control group, as in a container."""

    def __init__(self, root: pathlib.Path, groups: str = "") -> None:
        self.folder = root / "proc"
        self.groups = groups
        (self.folder / "net").mkdir(parents=True, exist_ok=True)
        for name in ("tcp", "tcp6"):
            (self.folder / "net" / name).write_text(HEAD)
        (self.folder / "net" / "unix").write_text(UNIX_HEAD)
        self.process(1, "systemd", "/init.scope", started=1)

    def process(
        self, pid: int, command: str, group: str = "", parent: int = 1, started: int = 0, line: str = ""
    ) -> None:
        """Begin a process; `group` is its control group below the host's own."""
        folder = self.folder / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "comm").write_text(command + "\n")
        (folder / "cmdline").write_text((line or command).replace(" ", "\0"))
        (folder / "cgroup").write_text(f"4:memory:/elsewhere\n0::{self.groups}{group}\n")
        fields = ["S", str(parent), *["0"] * 17, str(started or pid * 10), "0"]
        (folder / "stat").write_text(f"{pid} ({command} (x) y) {' '.join(fields)}\n")
        (folder / "status").write_text(f"Name:\t{command}\nPPid:\t{parent}\n")

    def end(self, pid: int) -> None:
        """A process and its hold on its sockets are gone."""
        shutil.rmtree(self.folder / str(pid))

    def listen(self, port: int, *pids: int, address: str = "127.0.0.1", state: str = "0A") -> None:
        """A socket that listens, held by processes; none for one whose process can't be seen."""
        inode = str(40_000 + sum(1 for _ in self.folder.glob("*/fd/*")) + port)
        with (self.folder / "net" / ("tcp6" if ":" in address else "tcp")).open("a") as table:
            peer = "0" * len(hexed(address))
            table.write(f"   0: {hexed(address)}:{port:04X} {peer}:0000 {state} 00:00 00:00 00 0 0 {inode} 1 0 100\n")
        for pid in pids:
            (self.folder / str(pid) / "fd" / inode).symlink_to(f"socket:[{inode}]")

    def listen_at(self, path: str, *pids: int, accepts: bool = True) -> None:
        """A Unix socket that listens, or a connection of one, held by processes."""
        inode = str(90_000 + len((self.folder / "net" / "unix").read_text().splitlines()))
        flags, state = ("00010000", "01") if accepts else ("00000000", "03")
        with (self.folder / "net" / "unix").open("a") as table:
            table.write(f"0000000000000000: 00000002 00000000 {flags} 0001 {state} {inode} {path}\n")
        for pid in pids:
            (self.folder / str(pid) / "fd" / inode).symlink_to(f"socket:[{inode}]")

    def close(self, port: int) -> None:
        """Nobody listens on a port any more."""
        for name in ("tcp", "tcp6"):
            table = self.folder / "net" / name
            lines = table.read_text().splitlines(keepends=True)
            table.write_text("".join(line for line in lines if f":{port:04X} " not in line))
