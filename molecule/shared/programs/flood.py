"""Requests with a key, so many a second: flood.py KEY NUMBER."""

import contextlib
import sys
import time
import urllib.request

while True:
    headers = {"Authorization": "Bearer " + sys.argv[1]}
    request = urllib.request.Request("http://127.0.0.1:4000/v1/models", headers=headers)
    with contextlib.suppress(OSError):
        urllib.request.urlopen(request).read()
    time.sleep(1 / float(sys.argv[2]))
