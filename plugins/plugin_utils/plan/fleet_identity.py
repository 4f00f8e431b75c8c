# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The certificate by which the edges of a fleet know each other.

All of them have the same one with its key, and accept no other: who has it is a member. The filter and the lookups that
use this file load no pydantic.
"""

from __future__ import annotations

import base64
import datetime

NAME = "AI_BACKEND_FLEET_IDENTITY"
# HAProxy compares the certificate with the name that it asks for, which is that of the service.
DOMAIN = "fleet.internal"
_BEGIN = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
# "No well-defined expiration date" (RFC 5280, 4.1.2.5): it ends when the fleet gets another one.
_END = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)


def server_name(service: str) -> str:
    """The name by which one edge asks another one for a service."""
    return f"{service}.{DOMAIN}"


def create() -> str:
    """A new key with its certificate: PEM in Base64, on one line as every secret."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lab.ai_backend fleet")])
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGIN)
        .not_valid_after(_END)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(f"*.{DOMAIN}")]), critical=False)
        .sign(key, None)
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    return base64.b64encode(pem).decode()
