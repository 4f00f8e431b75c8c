"""Wait until an engine answers on its socket that it is ready; systemd ends the wait (TimeoutStartSec).

If the engine ends, this must: systemd waits for it before the start counts as failed.
"""

import contextlib
import http.client
import os
import socket
import sys
import time

PAUSE_SECONDS = 0.05


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def connect(self) -> None:
        """Connect to the engine's socket, the first argument."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(sys.argv[1])


def ready() -> bool:
    """Whether it answers 200 at the path that is the second argument."""
    with contextlib.closing(Connection("localhost")) as connection:
        connection.request("GET", sys.argv[2])
        return connection.getresponse().status == 200


while True:
    try:
        os.kill(int(os.environ["MAINPID"]), 0)
    except ProcessLookupError:
        sys.exit("the engine has ended")
    with contextlib.suppress(OSError, http.client.HTTPException):
        if ready():
            break
    time.sleep(PAUSE_SECONDS)
