# Copyright (c) 2026 lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The certificate by which the edges of a fleet know each other."""

from __future__ import annotations

import base64

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ansible_collections.lab.ai_backend.plugins.plugin_utils.plan.fleet_identity import NAME, create, server_name
from ansible_collections.lab.ai_backend.plugins.plugin_utils.schema.secrets import FLEET_IDENTITY


def test_it_is_one_line_with_a_key_and_its_own_certificate() -> None:
    made = create()
    assert "\n" not in made
    pem = base64.b64decode(made)
    key, certificate = serialization.load_pem_private_key(pem, None), x509.load_pem_x509_certificate(pem)
    assert isinstance(key, Ed25519PrivateKey)
    assert certificate.public_key() == key.public_key()
    certificate.verify_directly_issued_by(certificate)


def test_it_ends_only_when_another_one_takes_its_place() -> None:
    certificate = x509.load_pem_x509_certificate(base64.b64decode(create()))
    assert certificate.not_valid_after_utc.year == 9999


def test_it_fits_the_name_of_each_service() -> None:
    certificate = x509.load_pem_x509_certificate(base64.b64decode(create()))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    (pattern,) = names.get_values_for_type(x509.DNSName)
    assert pattern == server_name("*")
    assert server_name("llama_cpp") == "llama_cpp.fleet.internal"


def test_each_is_another_one() -> None:
    assert create() != create()


def test_the_registry_knows_its_name() -> None:
    assert NAME == FLEET_IDENTITY
