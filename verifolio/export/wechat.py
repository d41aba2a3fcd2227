"""WeChat's HTML: every style inline, links as numbered notes, pictures as files, a button that copies the body."""

from __future__ import annotations

import html
import re
from xml.etree.ElementTree import Element

import markdown

from verifolio.export.formulas import set_formulas, to_text
from verifolio.export.places import WECHAT_DIGEST, check_wechat, outside_code, receipts_of
from verifolio.export.portable import Portable

_STYLES = {
    "p": "margin:0 0 1.2em;line-height:1.8",
    "h2": "margin:2em 0 .8em;font-size:20px;line-height:1.4;border-left:4px solid #2240b4;padding-left:10px",
    "h3": "margin:1.6em 0 .6em;font-size:17px;line-height:1.4",
    "ul": "margin:0 0 1.2em;padding-left:1.4em",
    "ol": "margin:0 0 1.2em;padding-left:1.6em",
    "li": "margin:.3em 0;line-height:1.8",
    "blockquote": "margin:0 0 1.2em;padding:.6em 1em;background:#f6f4ee;border-left:3px solid #d9d4c7;color:#504c44",
    "table": "width:100%;border-collapse:collapse;margin:0 0 1.2em;font-size:14px",
    "th": "border-bottom:2px solid #1b1a17;padding:6px 8px;text-align:left;min-width:3.2em",
    "td": "border-bottom:1px solid #d9d4c7;padding:6px 8px;min-width:3.2em",
    "img": "display:block;width:100%;height:auto",
    "em": "color:#504c44;font-style:normal;font-size:14px",
    "hr": "border:0;border-top:1px solid #d9d4c7;margin:2em 0",
    "pre": "margin:0 0 1.2em;padding:12px;background:#f6f4ee;border-radius:4px;overflow-x:auto;font-size:13px;"
    "line-height:1.6;font-family:Menlo,Consolas,monospace;white-space:nowrap",
}
_CODE = (
    "background:#f1eee5;padding:1px 4px;border-radius:3px;font-size:.9em;font-family:Menlo,Consolas,monospace;"
    "overflow-wrap:anywhere"
)
_FORMULA = '<p style="text-align:center">…</p>'
_BODY = "font-size:16px;color:#1b1a17;font-family:-apple-system,PingFang SC,Noto Sans CJK SC,Microsoft YaHei,sans-serif"


def to_wechat(post: Portable) -> str:
    """A page to open in a browser: its button copies the body for WeChat's editor."""
    check_wechat(post)
    body = markdown.markdown(
        outside_code(post.body, lambda prose: set_formulas(prose, _formula, "…", _FORMULA)),
        extensions=["tables", "fenced_code", "codehilite", "sane_lists"],
        extension_configs={
            "codehilite": {"noclasses": True, "pygments_style": "friendly", "guess_lang": False}
        },
    )
    notes: list[str] = []
    body = re.sub(r'<a href="([^"]*)"[^>]*>(.*?)</a>', lambda hit: _noted(hit, notes), body, flags=re.DOTALL)
    body = re.sub(r"<pre\b[^>]*>(.*?)</pre>", _kept_code, body, flags=re.DOTALL)
    body = re.sub(r"</?div\b[^>]*>", "", body)
    body = re.sub(
        r"<(p|h2|h3|ul|ol|li|blockquote|table|th|td|img|em|hr)(?=[\s/>])(?: style=\"([^\"]*)\")?",
        _styled,
        body,
    )
    body = re.sub(
        r"<table\b.*?</table>", r'<section style="overflow-x:auto">\g<0></section>', body, flags=re.DOTALL
    )
    body = re.sub(r"<code>", f'<code style="{_CODE}">', body)
    receipts = "".join(
        f'<p style="{_STYLES["p"]};font-size:14px">{html.escape(title)}<br>{_address(url)}</p>'
        for title, url in post.receipts
    )
    listed = "".join(
        f'<p style="margin:0 0 .4em;font-size:14px;color:#504c44">[{at}] {_address(url)}</p>'
        for at, url in enumerate(notes, 1)
    )
    words = _WORDS[post.lang]
    heading = f'<h2 style="{_STYLES["h2"]}">'
    tail = f'{heading}{receipts_of(post)}</h2><p style="{_STYLES["p"]}">{words["first"]}{_address(post.url)}</p>{receipts}'
    if notes:
        tail += f"{heading}{words['links']}</h2>{listed}"
    digest = post.description[:WECHAT_DIGEST]
    return _PAGE.format(
        lang="zh-CN" if post.lang == "zh" else "en", title=html.escape(post.title), digest=html.escape(digest),
        style=_BODY, body=body + tail, pictures=html.escape(words["pictures"]), copy=words["copy"],
        title_word=words["title"], digest_word=words["digest"],
    )  # fmt: skip


def _formula(formula: Element) -> str:
    return html.escape(to_text(formula))


def _noted(found: re.Match[str], notes: list[str]) -> str:
    url, words = html.unescape(found.group(1)), found.group(2)
    if url not in notes:
        notes.append(url)
    return f"{words}<sup>[{notes.index(url) + 1}]</sup>"


def _kept_code(found: re.Match[str]) -> str:
    """WeChat folds white space even in <pre>: lines and blanks are spelt out."""
    inner = re.sub(r"^<span></span>|</?code[^>]*>", "", found.group(1)).rstrip("\n")
    pieces = re.split(r"(<[^>]*>)", inner)
    inner = "".join(
        one if one.startswith("<") else one.replace(" ", "&nbsp;").replace("\n", "<br>") for one in pieces
    )
    return f'<pre style="{_STYLES["pre"]}">{inner}</pre>'


def _styled(found: re.Match[str]) -> str:
    own = f";{found.group(2)}" if found.group(2) else ""
    return f'<{found.group(1)} style="{_STYLES[found.group(1)]}{own}"'


def _address(url: str) -> str:
    return f'<span style="word-break:break-all">{html.escape(url)}</span>'


_WORDS = {
    "zh": {
        "first": "文中数字由程序写入，都能在收据里核对。原文：",
        "links": "链接",
        "title": "标题",
        "digest": "摘要",
        "copy": "复制正文",
        "pictures": "粘贴后，图片请按文件名从 images 文件夹里逐张上传替换。",
    },
    "en": {
        "first": "Every number was written by a program and can be checked. Original: ",
        "links": "Links",
        "title": "Title",
        "digest": "Digest",
        "copy": "Copy the body",
        "pictures": "After pasting, upload the pictures one by one from the folder images.",
    },
}
_PAGE = """<!doctype html>
<html lang="{lang}"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<header style="max-width:640px;margin:1rem auto;padding:1rem;background:#e7eafa;font:15px/1.6 system-ui">
<b>{title_word}</b> {title}<br><b>{digest_word}</b> {digest}<br>{pictures}<br><button id="copy" style="font:inherit;padding:.4em 1em">{copy}</button></header>
<section id="body" style="max-width:640px;margin:0 auto;padding:1rem;{style}">
{body}
</section>
<script>
document.getElementById("copy").onclick = () => {{
  const range = document.createRange()
  range.selectNodeContents(document.getElementById("body"))
  getSelection().removeAllRanges()
  getSelection().addRange(range)
  document.execCommand("copy")
}}
</script>
</html>
"""
