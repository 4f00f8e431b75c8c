# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What keeps the edge from taking its certificate, or will soon."""

from __future__ import annotations

import re
import ssl
import time

from ..host.findings import Finding, critical, warning
from ..host.layout import Layout, read_text

WHERE = "ai_backend_gateway.tls_certificate"
# Certificates of an authority such as Let's Encrypt are renewed when 30 of their 90 days are left.
WARN_DAYS = 21
DAY = 86400


def certificate_findings(layout: Layout, path: str) -> list[Finding]:
    """Findings of a PEM file. Its key is not read."""
    hint = "put certificate, chain and key there as one PEM file"
    place = layout.path(path.lstrip("/"))
    try:
        text = read_text(place)
    except (OSError, ValueError):
        text = ""
    if text is None:
        return [critical("references", WHERE, f"{path} isn't there", hint)]
    wanted = ("CERTIFICATE", "PRIVATE KEY")
    lacking = [word for word in wanted if not re.search(f"^-----BEGIN [A-Z ]*{word}", text, re.M)]
    if lacking:
        return [critical("references", WHERE, f"{path} has no {' and no '.join(lacking).lower()}", hint)]
    return _of_the_end(path, end_of(place))


def _of_the_end(path: str, end: float | None) -> list[Finding]:
    hint = "put a new certificate there, and deploy"
    if end is None:
        return [critical("references", WHERE, f"the certificate in {path} can't be read", hint)]
    days = int((end - time.time()) // DAY)
    if days < 0:
        return [critical("references", WHERE, f"the certificate in {path} has expired", hint)]
    if days < WARN_DAYS:
        return [warning("references", WHERE, f"the certificate in {path} ends in {days} days", hint)]
    return []


def end_of(path: str) -> float | None:
    """When the first certificate of a file ends, in seconds since 1970; the first one is the host's own."""
    try:
        # The only decoder of the standard library that takes a certificate without a connection.
        decoded = ssl._ssl._test_decode_cert(path)  # type: ignore[attr-defined]
        return float(ssl.cert_time_to_seconds(decoded["notAfter"]))
    except (ssl.SSLError, OSError, KeyError, ValueError):
        return None


def without_tls(address: str) -> list[Finding]:
    """A finding for the address on which other hosts reach the gateway without TLS; an empty one is none."""
    if not address:
        return []
    message = f"the gateway listens on {address} without TLS: keys and prompts can be read on the network"
    return [warning("secrets", WHERE, message, "write the path of a PEM file, or bind the gateway to 127.0.0.1")]
