# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What this host's gateway told the command that looks at it: where it is asked, where it records, and its cache."""

from __future__ import annotations

import os
from typing import Any

from ..host.host import Host
from ..host.layout import Layout, linked_release, read_json
from ..host.secret_files import SecretError, secret
from ..releases.generations import serving_gateway
from ..releases.releases import gateway_of, keys_of_gateway


class NoGatewayError(Exception):
    """Why nothing can be asked here, in words."""


def settings(layout: Layout) -> dict[str, Any]:
    """{endpoint, cache, records} of the slot that serves; see plan/services/litellm.py. Raises NoGatewayError."""
    try:
        serving, gateway = serving_gateway(layout), gateway_of(layout)
        if serving is None or gateway is None:
            raise NoGatewayError("no gateway serves on this host: run it where the gateway is")
        folder = layout.release(gateway["service"], linked_release(layout, serving[0]))
        found = read_json(os.path.join(folder, "files", "operator.json"))
    except PermissionError as error:
        raise NoGatewayError(f"{error.filename} can only be read by root: use sudo") from None
    if not isinstance(found, dict):
        raise NoGatewayError("the gateway of this host is of an older version of the collection: deploy it again")
    return found


def records_of(layout: Layout) -> str:
    """The file of records. Where no gateway is, there may still be one."""
    try:
        path = settings(layout).get("records")
    except NoGatewayError:
        if not os.path.exists(layout.records):
            raise
        path = layout.records
    if not path:
        raise NoGatewayError("requests are not recorded here: ai_backend_monitoring.requests.enabled is false")
    return str(path)


def key_of(host: Host, name: str) -> str:
    """A secret of the gateway, from its file. Raises NoGatewayError."""
    try:
        return secret(host.layout, {"file": keys_of_gateway(host.layout), "name": name})
    except PermissionError:
        raise NoGatewayError("only root may read the keys of this host: use sudo") from None
    except SecretError as error:
        raise NoGatewayError(str(error)) from None
