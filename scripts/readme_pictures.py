"""Takes the README's pictures from the built site: a post with a number's card open.

make site && .venv/bin/python scripts/readme_pictures.py
"""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import sys
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "build" / "site"
PICTURES = ROOT / "site_src" / "assets" / "img"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves without a line for each request."""

    def log_message(self, format: str, *args: object) -> None:
        return


def main() -> None:
    """One picture a language."""
    browser_path = os.environ.get("VERIFOLIO_CHROMIUM") or shutil.which("chromium")
    if not browser_path:
        sys.exit("no Chromium found (set VERIFOLIO_CHROMIUM)")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        for lang, address in (("zh", "blog/fine-tuning/"), ("en", "en/blog/fine-tuning/")):
            page = browser.new_page(viewport={"width": 1080, "height": 720}, device_scale_factor=1.5)
            page.goto(f"http://127.0.0.1:{server.server_port}/{address}")
            page.locator("article a.vf-num").nth(2).hover()
            page.wait_for_timeout(500)
            page.screenshot(path=PICTURES / f"readme-{lang}.png")
        browser.close()
    print("written:", *sorted(path.name for path in PICTURES.glob("readme-*.png")))


if __name__ == "__main__":
    main()
