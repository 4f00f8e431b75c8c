"""Why a package manager failed, in one line that names the way out: for failures that are the machine's, not ours.

As a program: reads the output from standard input, prints the line; exit code 1 where the failure is not known.
"""

from __future__ import annotations

import sys

OUT_OF_REACH = (
    "the package index can't be reached → check the network; HTTPS_PROXY=… names a proxy, PIP_INDEX_URL=… a mirror"
)
APT_OUT_OF_REACH = "apt can't reach its mirror → check the network; http_proxy=… names a proxy"
SLOW = (
    "the package index answers too slowly → run it again, with PIP_DEFAULT_TIMEOUT=120 or PIP_INDEX_URL=… for a mirror"
)
CUT_OFF = "the download broke off in the middle → run it again; what came whole is kept"
PROXY = "the proxy that the environment names (HTTPS_PROXY, HTTP_PROXY) refuses or is not there → correct or unset it"

# What the output holds, and what that means. The first that fits counts: a missing proxy is no connection, too.
KNOWN = {
    "No space left on device": "the disk is full → make room, or set AI_BACKEND_CACHE to a folder that has some",
    "ProxyError": PROXY,
    "Cannot connect to proxy": PROXY,
    "407 Proxy Authentication": "the proxy wants a password → HTTPS_PROXY=http://user:password@host:port",
    "CERTIFICATE_VERIFY_FAILED": (
        "the package index has a certificate that pip does not know → `pip config set global.cert FILE`, your CA's file"
    ),
    "DO NOT MATCH THE HASHES": (
        "what came is not the file that the lock names: cut off, or another → run it again, else PIP_INDEX_URL=…"
    ),
    "IncompleteRead": CUT_OFF,
    "Connection broken": CUT_OFF,
    "incomplete-download": CUT_OFF,
    "Read timed out": SLOW,
    "ReadTimeoutError": SLOW,
    "NewConnectionError": OUT_OF_REACH,
    "ConnectTimeoutError": OUT_OF_REACH,
    "Failed to establish a new connection": OUT_OF_REACH,
    "Connection refused": OUT_OF_REACH,
    "Could not get lock": "another apt runs on this machine → wait for it, then run it again",
    "dpkg was interrupted": "an installation broke off on this machine → `dpkg --configure -a`, then run it again",
    "Temporary failure resolving": APT_OUT_OF_REACH,
    "Could not resolve": APT_OUT_OF_REACH,
    "Could not connect to": APT_OUT_OF_REACH,
    "Unable to connect to": APT_OUT_OF_REACH,
    "Unable to locate package": "this machine's apt sources have no such package → add Debian's main to them",
    "(from versions: none)": "the package index has no such package → PIP_INDEX_URL=… names another",
}


def explained(output: str) -> str:
    """The one line, or an empty text where the failure is none of the known ones."""
    return next((words for mark, words in KNOWN.items() if mark in output), "")


def main() -> None:
    line = explained(sys.stdin.read())
    sys.exit(print(line) if line else 1)


if __name__ == "__main__":
    main()
