"""MkDocs hook: make notebooks that mkdocs-jupyter renders light, ours to style, and self-contained.

nbconvert puts its own style sheets (half a megabyte) and script tags that fetch MathJax and
Mermaid from a CDN into every notebook. The site's own CSS styles the cells instead, and no page of
ours asks a third party for anything. Zensical has neither hooks nor notebooks.
"""

from __future__ import annotations

import re
from typing import Any

STYLE = re.compile(r"<style\b.*?</style>", re.DOTALL | re.IGNORECASE)
SCRIPT = re.compile(r"<script\b.*?</script>", re.DOTALL | re.IGNORECASE)
COPY_BUTTON = re.compile(
    r'<div class="zeroclipboard-container">.*?</clipboard-copy>\s*</div>', re.DOTALL
)


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """Strip styles, scripts and the copy button that needs them from a notebook's page."""
    if not page.file.src_uri.endswith(".ipynb"):
        return html
    for clutter in (STYLE, SCRIPT, COPY_BUTTON):
        html = clutter.sub("", html)
    return html
