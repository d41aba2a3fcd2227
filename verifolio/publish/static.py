"""The static bundle of a demo: its pages of the built site with all that they load, for any static host.

Follows what pages, styles and scripts name inside the site; links to other pages go to the published site.
"""

from __future__ import annotations

import html
import json
import posixpath
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from verifolio.demos import read_demos
from verifolio.errors import AuthorError
from verifolio.portfolio import read_portfolio
from verifolio.publish.bundle import Bundle, bundle_folder
from verifolio.publish.card import read_card, static_card, write_card
from verifolio.publish.declare import Target
from verifolio.publish.folder import Content, replace_folder
from verifolio.results import read_result

_ATTRIBUTE = re.compile(r"""(?P<name>[a-zA-Z-]+)=(?P<quote>["'])(?P<value>[^"']*)(?P=quote)""")
_CSS = re.compile(r"""url\(\s*["']?([^"')]+)""")
_LITERAL = re.compile(
    r"""["'`]([\w./-]+\.(?:js|mjs|css|json|wasm|onnx|gguf|bin|gz|txt|svg|png|woff2))["'`]"""
)
_TOLD = re.compile(r"""<vf-demo>.*?<script type="application/json">(.*?)</script>""", re.DOTALL)
_TEXT = (".html", ".css", ".js", ".mjs", ".json")


def build_static(root: Path, slug: str, hub: str, target: Target, site_url: str) -> Bundle:
    """Write build/demos/<slug>/<hub>-static/ from build/site and return it."""
    folder = bundle_folder(root, slug, hub, target)
    replace_folder(folder, static_files(root, slug, site_url))
    return Bundle(slug, hub, target, folder)


def static_files(root: Path, slug: str, site_url: str) -> dict[str, Content]:
    """Path in the bundle → its bytes or the file of the site."""
    site = root / "build" / "site"
    pages = [page for page in _demo_pages(slug) if (site / page).is_file()]
    if not pages:
        raise AuthorError(
            f"the built site has no page of the demo ‘{slug}’",
            path="build/site",
            hint="build it: verifolio site (a planned demo has no page yet)",
        )
    _check_rung(root, slug, site, pages[0])
    files: dict[str, Content] = {}
    pending = list(pages)
    while pending:
        name = pending.pop()
        if name in files:
            continue
        path = site / name
        files[name] = path
        if path.suffix in _TEXT:
            text = path.read_text(encoding="utf-8", errors="replace")
            pending += [found for found in _named(site, name, text) if found not in files]
    for page in pages:
        text = (site / page).read_text(encoding="utf-8")
        files[page] = _relink(text, page, files, site, site_url).encode()
    files["index.html"] = _front(pages).encode()
    card, body = read_card(root / "demos" / slug / "README.md", f"demos/{slug}/README.md")
    files["README.md"] = write_card(static_card(card), body).encode()
    return files


def _check_rung(root: Path, slug: str, site: Path, page: str) -> None:
    """A static bundle is for its browser rung: raise when the built page lacks it, or has other weights than the results."""
    browser = read_demos(root)[slug].browser
    if browser is None:
        return
    shown = f"build/site/{page}"
    told: dict[str, Any] = next(
        (json.loads(one) for one in _TOLD.findall((site / page).read_text("utf-8"))), {}
    )
    if "browser" not in told:
        raise AuthorError(
            "the browser rung is missing there, so a static bundle would only show recorded outputs",
            path=shown,
            hint="build the site where npm and the weights are (the page says which is missing): verifolio site",
        )
    portfolio = read_portfolio(root)
    for experiment, names in browser.weights.items():
        receipt = read_result(portfolio.experiment(experiment).result_path()).receipt
        made = receipt.derived | receipt.products
        for name in names:
            if told["browser"]["first"].get(name, {}).get("sha256") != made.get(name):
                raise AuthorError(
                    f"its {name} is not that of the result of {experiment}",
                    path=shown,
                    hint="build it again: verifolio site",
                )


def _demo_pages(slug: str) -> list[str]:
    folder = slug.replace("_", "-")
    names = [slug, folder] if folder != slug else [slug]
    return [f"{lang}demos/{name}/index.html" for lang in ("", "en/") for name in names]


def _named(site: Path, name: str, text: str) -> list[str]:
    """Files of the site that a file names: in attributes, styles and string literals; never other pages."""
    found = [match["value"] for match in _ATTRIBUTE.finditer(text)] if name.endswith(".html") else []
    found += _CSS.findall(text) if name.endswith((".css", ".html")) else []
    found += _LITERAL.findall(text) if name.endswith((".js", ".mjs", ".json", ".html")) else []
    out = []
    for value in found:
        for part in re.split(r"[,\s]+", html.unescape(value)) if " " in value else [html.unescape(value)]:
            resolved = _resolve(name, part)
            if resolved is None:
                continue
            path = site / resolved
            if path.is_file() and path.suffix != ".html" and not _is_feed(resolved):
                out.append(resolved)
            elif path.is_dir() and resolved and not (path / "index.html").exists():
                below = (one for one in sorted(path.rglob("*")) if one.is_file() and one.suffix != ".html")
                out += [one.relative_to(site).as_posix() for one in below]
    return out


def _resolve(page: str, value: str) -> str | None:
    parts = urlsplit(value)
    if parts.scheme or parts.netloc or not parts.path or parts.path.startswith("/"):
        return None
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(parts.path)))
    return None if joined.startswith("..") or joined == "." else joined


def _is_feed(name: str) -> bool:
    return name.endswith((".xml", ".xml.gz")) or name.startswith(("feed", "search/"))


def _relink(text: str, page: str, files: dict[str, Content], site: Path, site_url: str) -> str:
    """Links to pages that stay behind go to the published site; without an address they are left out."""

    def one(match: re.Match[str]) -> str:
        if match["name"] != "href":
            return match[0]
        value = html.unescape(match["value"])
        resolved = _resolve(page, value)
        if resolved is None and urlsplit(value).path not in ("..", "../..", "../../", "../", "."):
            return match[0]
        target = resolved or ""
        if target in files or posixpath.join(target, "index.html") in files:
            return match[0]
        if not (site / target).exists():
            return match[0]
        if not site_url:
            return f"data-{match[0]}"
        return f'href="{html.escape(site_url.rstrip("/") + "/" + target)}"'

    return _ATTRIBUTE.sub(one, text)


def _front(pages: list[str]) -> str:
    links = "".join(
        f'<li><a href="{page.removesuffix("index.html")}">{(page.split("/")[0] == "en" and "English") or "中文"}</a></li>'
        for page in pages
    )
    first = pages[0].removesuffix("index.html")
    return (
        '<!doctype html>\n<html lang="zh"><head><meta charset="utf-8">'
        f'<meta http-equiv="refresh" content="0; url={first}">'
        f'<meta name="viewport" content="width=device-width"><title>Demo</title></head><body><ul>{links}</ul></body></html>\n'
    )
