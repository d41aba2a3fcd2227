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


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Strip what the site brings itself from a notebook's page, and name its code for our colours."""
    if not page.file.src_uri.endswith(".ipynb"):
        return html
    html = _CLUTTER.sub("", html)
    html = _EMPTY_ANCHOR.sub("", html)  # nbconvert finds no id in a Chinese heading
    html = _WRAPPER_STOP.sub(r"\1", html)  # cells are read, not operated: no stop for the Tab key
    return html.replace("highlight-ipynb", "highlight")
