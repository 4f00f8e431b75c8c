#!/usr/bin/env python3
"""Pictures of a page in a headless Chromium, of a telephone and of a desk. Usage: picture.py URL FOLDER

The password for the page is the first line of the input. Prints what each size shows, as JSON: {size: {status, width of
what is shown, words, requests}}. Runs in an environment of requirements/browser.txt.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import sys
from typing import Any

from playwright.sync_api import Browser, sync_playwright

# {name: (width, height, colours)}. 360 pixels is the narrowest telephone in use.
SIZES = {
    "phone": (390, 844, "light"),
    "phone-dark": (390, 844, "dark"),
    "narrow": (360, 740, "light"),
    "desk": (1280, 800, "light"),
    "desk-dark": (1280, 800, "dark"),
}


def seen(browser: Browser, size: str, url: str, password: str, folder: pathlib.Path) -> dict[str, Any]:
    """Open the page in one size, and keep its picture."""
    width, height, colours = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=colours,
        http_credentials={"username": "operator", "password": password},
        ignore_https_errors=True,
    )
    page = context.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    answer = page.goto(url)
    page.screenshot(path=folder / f"status-{size}.png", full_page=True)
    found = {
        "status": answer.status if answer else 0,
        "width": page.evaluate("document.documentElement.scrollWidth"),
        "words": page.inner_text("body"),
        "requests": requests,
    }
    context.close()
    return found


def main() -> None:
    url, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    password = sys.stdin.readline().strip()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        print(json.dumps({size: seen(browser, size, url, password, folder) for size in SIZES}))
        browser.close()


if __name__ == "__main__":
    main()
