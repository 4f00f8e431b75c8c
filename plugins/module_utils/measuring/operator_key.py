# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a request has the operator's key: as a bearer, or as the password that a browser asks for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

# What makes a browser ask for it. Any name of a user will do.
CHALLENGE = 'Basic realm="ai-backend status: the operator key is the password", charset="UTF-8"'


def sent_key(authorization: str) -> bytes:
    """The key in a header `Authorization`, empty where there is none."""
    scheme, _space, rest = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip().encode("latin-1", "replace")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(rest.strip(), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""


class OperatorKey:
    """Keeps a digest of the key: digests are equally long, and to compare them takes equally long."""

    def __init__(self, key: str) -> None:
        if not key:
            raise ValueError("the operator key is empty")
        self.digest = hashlib.sha256(key.encode()).digest()

    def opens(self, authorization: str) -> bool:
        return hmac.compare_digest(hashlib.sha256(sent_key(authorization)).digest(), self.digest)
