# Copyright: lab.ai_backend contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The proof of a page with accounts: its first account signs in, and finds the models that the page is for."""

from __future__ import annotations

import json
from http import HTTPStatus

from ..host.layout import Layout
from ..host.secret_files import secret
from .asking import Address, Probe, connect, exchange, expect, shorten
from .upstreams import listed

# What a page answers to a password that is not, or no longer, that of the account.
REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


def check_account(layout: Layout, probe: Probe, address: Address) -> None:
    """Sign in, and ask for the models. A refused password is no fault: the account has another one by now."""
    without_key = {"path": probe["path"]}
    words = {"email": probe["email"], "password": secret(layout, probe["key"])}
    with connect(address) as connection:
        status, text = exchange(layout, without_key, connection, words)
    if status in REFUSED and "detail" in json.loads(text):
        return
    expect(status == HTTPStatus.OK, f"POST {probe['path']} answered {status}: {shorten(text)}")
    token = str(json.loads(text)["token"])
    asks = {"path": probe["models_path"], "key": probe["key"]}
    with connect(address) as connection:
        status, text = exchange(layout, asks, connection, key=token)
    expect(status == HTTPStatus.OK, f"GET {probe['models_path']} answered {status}: {shorten(text)}")
    lacking = sorted(set(probe["models"]) - set(listed(text)))
    expect(not lacking, f"GET {probe['models_path']} does not list {', '.join(lacking)}")
