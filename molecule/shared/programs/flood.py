"""Chats with the key of a file, so many a second: flood.py FILE NUMBER."""

import contextlib
import json
import pathlib
import sys
import time
import urllib.request

KEY = pathlib.Path(sys.argv[1]).read_text().strip()
BODY = {"model": "lab-tiny", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}

while True:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    request = urllib.request.Request("http://127.0.0.1:4000/v1/chat/completions", json.dumps(BODY).encode(), headers)
    with contextlib.suppress(OSError):
        urllib.request.urlopen(request).read()
    time.sleep(1 / float(sys.argv[2]))
