"""MkDocs hook: make notebooks that mkdocs-jupyter renders light, ours to style, and self-contained.

nbconvert puts its own style sheets (half a megabyte) and script tags that fetch MathJax and
Mermaid from a CDN into every notebook. The site's own CSS styles the cells instead, and no page of
ours asks a third party for anything. Zensical has neither hooks nor notebooks.
"""

from __future__ import annotations

import re
from typing import Any

_CLUTTER = re.compile(
    r"<style\b.*?</style>|<script\b.*?</script>|<!--.*?-->"
    # the copy button of nbconvert, and the hidden text that it copies
    r'|<div class="zeroclipboard-container">.*?</clipboard-copy>\s*</div>'
    r'|<div class="clipboard-copy-txt".*?</div>',
    re.DOTALL | re.IGNORECASE,
)
_EMPTY_ANCHOR = re.compile(r' id=""(?=>)|<a class="anchor-link" href="#">[^<]*</a>')
_WRAPPER_STOP = re.compile(r'(<div class="jp-Cell-inputWrapper") tabindex="0"')
_PARAGRAPH = re.compile(r"<(p|li)>(.*?)</\1>", re.DOTALL)
_TWO_NAMES = re.compile(r"(<h[1-6][^>]*>)([^<]*?) / ([^<]*)")  # a heading in both languages


def on_page_content(html: str, page: Any, config: Any, **_: Any) -> str:
    """Strip what the site brings itself from a notebook's page, and name its code for our colours."""
    if not page.file.src_uri.endswith(".ipynb"):
        return html
    html = _CLUTTER.sub("", html)
    html = _EMPTY_ANCHOR.sub("", html)  # nbconvert finds no id in a Chinese heading
    html = _WRAPPER_STOP.sub(r"\1", html)  # cells are read, not operated: no stop for the Tab key
    html = _mark_languages(html, config.theme["language"])
    return html.replace("highlight-ipynb", "highlight")


def _mark_languages(html: str, lang: str) -> str:
    """One notebook serves both languages: say which is which, for those who hear it read out."""

    def marked(tag: str, text: str) -> str:
        own = _language_of(text)
        return f'<{tag} lang="{own}">{text}</{tag}>' if own not in ("", lang) else f"<{tag}>{text}</{tag}>"

    def named(found: re.Match[str]) -> str:
        head, first, second = found.groups()
        if {_language_of(first), _language_of(second)} != {"zh", "en"}:
            return found.group()
        return f"{head}{marked('span', first)} / {marked('span', second)}"

    html = _PARAGRAPH.sub(lambda found: marked(found.group(1), found.group(2)), html)
    return _TWO_NAMES.sub(named, html)


def _language_of(text: str) -> str:
    """Chinese if there is any Han in it, else English if there are words."""
    plain = re.sub(r"<[^>]*>", "", text)
    if re.search(r"[\u4e00-\u9fff]", plain):
        return "zh"
    return "en" if re.search(r"[A-Za-z]{3}", plain) else ""
