"""Lighthouse on the built site: home, a post, a demo, a receipt, in both languages, as a phone on a slow line.

    .venv/bin/python scripts/bench_lighthouse.py [URL …] [--least 99]

Needs Node 18 or newer and Chromium; fetches Lighthouse, pinned by scripts/lighthouse/package-lock.json,
into build/lighthouse. The site is served compressed and with short caching, as GitHub Pages does. Prints
the four scores of each page with what costs them points, and ends with an error below the least score.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import threading
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
SITE = REPOSITORY / "build" / "site"
TOOL = REPOSITORY / "build" / "lighthouse"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-quic --disable-background-networking"


def main() -> None:
    """Audit the pages and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="*", help="addresses below the site, such as blog/fine-tuning/")
    parser.add_argument("--least", type=int, default=99, help="the score that every category must reach")
    arguments = parser.parse_args()
    if not (SITE / "index.html").is_file():
        sys.exit("build/site is not there: build it with `verifolio site`")
    install()
    server = ThreadingHTTPServer(("127.0.0.1", 8000), partial(AsPages, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    low = []
    for page in arguments.pages or usual_pages():
        report = audit(f"http://127.0.0.1:8000/{page}")
        scores = {name: round(100 * (report["categories"][name]["score"] or 0)) for name in CATEGORIES}
        print(f"/{page}\n  " + "  ".join(f"{name} {score}" for name, score in scores.items()), flush=True)
        for line in losses(report):
            print(f"    {line}")
        low += [f"/{page} {name} {score}" for name, score in scores.items() if score < arguments.least]
    server.shutdown()
    if low:
        sys.exit(f"below {arguments.least}: " + ", ".join(low))


def install() -> None:
    """Lighthouse as the lock pins it, once."""
    lock = REPOSITORY / "scripts" / "lighthouse" / "package-lock.json"
    stamp = TOOL / "node_modules" / ".verifolio-lock"
    if stamp.is_file() and stamp.read_bytes() == lock.read_bytes():
        return
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is not installed: Lighthouse needs Node (on Debian: apt install npm)")
    TOOL.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy2(lock.with_name(name), TOOL)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    if subprocess.run(command, cwd=TOOL, check=False).returncode:
        sys.exit("npm ci failed (see above)")
    stamp.write_bytes(lock.read_bytes())


def usual_pages() -> list[str]:
    """Home, the longest post, the first demo and the longest receipt, in both languages."""
    pages = []
    for lang in ("", "en/"):
        folder = SITE / lang
        longest = {
            kind: max(folder.glob(pattern), key=lambda path: path.stat().st_size, default=None)
            for kind, pattern in {
                "post": "blog/*/index.html",
                "demo": "demos/*/index.html",
                "receipt": "receipts/*/*/index.html",
            }.items()
        }
        pages += [
            lang,
            *(f"{path.parent.relative_to(SITE).as_posix()}/" for path in longest.values() if path),
        ]
    return pages


def audit(url: str) -> dict[str, Any]:
    """Lighthouse's report of one page, with its own phone profile and throttling."""
    command = [
        str(TOOL / "node_modules/.bin/lighthouse"),
        url,
        "--quiet",
        "--output=json",
        "--output-path=stdout",
    ]
    command += [f"--chrome-flags={FLAGS}", f"--only-categories={','.join(CATEGORIES)}"]
    environment = {**os.environ, "CI": "true"}
    if chromium := os.environ.get("VERIFOLIO_CHROMIUM") or shutil.which("chromium"):
        environment["CHROME_PATH"] = chromium
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        sys.exit(f"Lighthouse failed on {url}:\n{done.stderr[-2000:]}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def losses(report: dict[str, Any]) -> list[str]:
    """Each audit that costs points: its title, its value, the first element concerned."""
    lines = []
    for name in CATEGORIES:
        for reference in report["categories"][name]["auditRefs"]:
            found = report["audits"][reference["id"]]
            if reference["weight"] and found["score"] is not None and found["score"] < 1:
                items = (found.get("details") or {}).get("items") or [{}]
                where = str((items[0].get("node") or {}).get("snippet", ""))[:120]
                lines.append(
                    f"{found['id']} {found['score']:.2f} {found.get('displayValue', '')} {where}".rstrip()
                )
    return lines


@cache
def packed(path: Path, changed_ns: int) -> bytes:
    """A file as GitHub Pages sends it."""
    return gzip.compress(path.read_bytes(), 6)


class AsPages(SimpleHTTPRequestHandler):
    """Serves as GitHub Pages does: text compressed, ten minutes of caching."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            self.send_error(404)
            return
        kind = self.guess_type(str(path))
        text = kind.startswith("text/") or kind.endswith(("javascript", "json", "xml", "wasm"))
        body = packed(path, path.stat().st_mtime_ns) if text else path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if text else kind)
        self.send_header("Cache-Control", "max-age=600")
        self.send_header("Content-Length", str(len(body)))
        if text:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


if __name__ == "__main__":
    main()
