#!/usr/bin/env python3
"""A person at Open WebUI, in a headless Chromium: signs in, asks, reads. Usage: browser.py URL EMAIL MODEL PICTURE

The password is the first line of the input. Prints what the page shows, as JSON. Runs in an environment of
requirements/browser.txt.
"""

from __future__ import annotations

import json
import shutil
import sys

from playwright.sync_api import Page, sync_playwright

QUESTION = "Say hello to the lab."
SECONDS = 60_000
SOCKET = "web socket"


def sign_in(page: Page, url: str, email: str, password: str) -> None:
    """Open the page and go through its form."""
    page.goto(url, timeout=SECONDS)
    page.locator("input[type=email]").fill(email, timeout=SECONDS)
    page.locator("input[type=password]").fill(password)
    page.locator("button[type=submit]").click()
    page.wait_for_selector("#chat-input", timeout=SECONDS)


def close_news(page: Page) -> None:
    """A new account is shown what is new, in a window over the page."""
    button = page.get_by_role("button", name="Okay, Let's Go!")
    try:
        button.click(timeout=5000)
    except Exception:  # there is none for an account that was here before
        return


def main() -> None:
    url, email, model, picture = sys.argv[1:]
    password = sys.stdin.readline().strip()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        # The certificate of the test is signed by nobody.
        page = browser.new_page(ignore_https_errors=True, viewport={"width": 1280, "height": 800})
        sockets: list[str] = []
        page.on("websocket", lambda found: sockets.append(found.url))
        sign_in(page, url, email, password)
        close_news(page)
        page.goto(f"{url}/?models={model}", timeout=SECONDS)
        page.wait_for_selector("#chat-input", timeout=SECONDS)
        page.locator("#chat-input").click()
        page.keyboard.type(QUESTION)
        page.keyboard.press("Enter")
        try:
            # The buttons below an answer are there when it is complete.
            page.wait_for_selector("button.copy-response-button", state="attached", timeout=SECONDS)
            answer = page.locator("#response-content-container").last.inner_text()
        finally:
            page.screenshot(path=picture)
        print(json.dumps({"answer": answer, "text": page.inner_text("body"), "sockets": sockets}))
        browser.close()


if __name__ == "__main__":
    main()
