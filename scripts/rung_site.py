"""A site of one page: nothing but a demo's browser rung, as the engine serves it. For measuring and testing it alone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from verifolio.browser import browser_rung, link_served, place_served
from verifolio.demos import read_demos
from verifolio.evidence import gather_evidence
from verifolio.ladder import ISOLATE, tell_script
from verifolio.page import Page
from verifolio.site import read_site

PAGE = """<!doctype html><html lang="en" data-js><meta charset="utf-8"><title>{slug}</title>
<script type="module" src="../../../assets/js/demo.js"></script>
<section class="vf-demo"><vf-demo><h1 class="vf-demo-title">{slug}</h1>
<section class="vf-demo-recorded"><blockquote class="vf-demo-input">{input}</blockquote></section>
<button type="button" class="vf-demo-browser">Run</button><p class="vf-demo-status" role="status"></p>{told}</vf-demo></section>"""
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


def make_rung_site(root: Path, slug: str, target: Path, text: str) -> str:
    """Write the page and all that it loads below `target`; its path. `text` stands as the recorded input."""
    demo, evidence = read_demos(root)[slug], gather_evidence(root)
    if demo.browser is None:
        raise SystemExit(f"demos/{slug}/demo.yml declares no browser:")
    rung = browser_rung(evidence, slug, demo.browser)
    if rung.missing:
        raise SystemExit(f"{slug}: {rung.missing}: run `verifolio site` first")
    page = Page("", f"demos/{slug}.md", "en", evidence.for_page(), read_site(root))
    told = tell_script(page, slug, demo, rung, [])
    place_served(target, [rung])
    link_served(target, target)
    shutil.copytree(root / "site_src/assets/js", target / "assets/js", dirs_exist_ok=True)
    for place, source in rung.code.items():
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target / place)
    here = target / "en" / "demos" / slug
    here.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(root / "verifolio" / ISOLATE, here / ISOLATE)
    (here / "index.html").write_text(PAGE.format(slug=slug, input=text, told=told), encoding="utf-8")
    return f"en/demos/{slug}/"


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *args: object, headers: dict[str, str], **more: object) -> None:
        self.more_headers = headers
        super().__init__(*args, **more)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        path, found = Path(self.translate_path(self.path)), _RANGE.fullmatch(self.headers.get("Range", ""))
        if not found or not path.is_file():
            super().do_GET()
            return
        size = path.stat().st_size
        first, last = int(found[1]), min(int(found[2]), size - 1)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        with path.open("rb") as stream:
            stream.seek(first)
            self.wfile.write(stream.read(last - first + 1))

    def end_headers(self) -> None:
        for name, value in self.more_headers.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve_folder(folder: Path, headers: dict[str, str] | None = None) -> Iterator[str]:
    """Its address on a free port, parts of files included, as static hosts serve them."""
    handler = partial(_Handler, directory=str(folder), headers=headers or {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
