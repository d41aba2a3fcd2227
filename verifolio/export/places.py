"""How each place wants a post, and what it refuses.

Limits, last looked up on 2026-11-25 (they move; the numbers stand here and nowhere else):
- LinkedIn: 3,000 characters of plain text a post, of which about 140 show before “see more”
  (linkedinpreview.com/blog/linkedin-post-length; count-words.com/zh-hant/blog/linkedin-post-character-limit;
  bulkpublish.com/blog/linkedin-character-limit). Its articles take over 100,000, but no Markdown: write a post.
- dev.to runs forem, whose source is the documentation: at most 4 tags of letters and digits (app/policies/
  article_policy.rb: MAX_TAG_LIST_SIZE = 4) and 126 characters of tags in all, a title of 128 characters, a body of
  800 kilobytes (app/models/article.rb: cached_tag_list, title, body_markdown); Liquid tags in prose are run, in code
  they are escaped (escape_liquid_tags_in_codeblock).
- WeChat: the editor takes no Markdown, drops <style>, classes and ids and keeps inline styles only
  (verysmallwoods.com/blog/20260119-wechat-markdown-copy-paste); links out of WeChat are dropped in a body;
  title 64 characters, digest 120, as its own editor counts. Its drafts interface takes less than 20,000
  characters and 1 MB (hexdocs.pm/wechat_sdk/WeChat.Material.Article.html); we paste and do not use it.
- Zhihu: imports Markdown documents, as users report (github.com/doocs/md/issues/1457): pictures are fetched from their
  addresses, if these can be reached from inside China and hold no space (doocs/cose#233, miracleyoo/Markdown4Zhihu#6),
  so local ones are put in by hand or given by --images-at. No document on its limits was found; the 100 characters of
  a title are what its editor is said to take, and we keep to them. Nor was one found on formulas: they are given as
  $$…$$ both in a line and by themselves, as the newest converter writes them (zhihu_md 0.1.1 on PyPI, which says that
  the pictures of zhihu.com/equation?tex=… that older ones write, as miracleyoo/Markdown4Zhihu, are taken no more;
  drmingdrmer/md2zhihu#15: the same two marks in a line). Look at them after the import.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial

from verifolio.errors import AuthorError
from verifolio.export.formulas import set_formulas, to_latex, to_text
from verifolio.export.portable import Portable
from verifolio.words import say

LINKEDIN_CHARACTERS = 3000
DEVTO_TAGS, DEVTO_TAG_CHARACTERS, DEVTO_BYTES, DEVTO_TITLE = 4, 126, 800_000, 128
WECHAT_TITLE, WECHAT_DIGEST = 64, 120
ZHIHU_TITLE = 100

_CODE = re.compile(r"^(```+|~~~).*?^\1\s*$|`[^`\n]+`", re.DOTALL | re.MULTILINE)
# What plain text cannot hold, and the words that stand for it.
_LEFT_OUT = {
    "left_code": r"(?:^\[?`(?P<name>[^`\n]+)`(?:\]\([^)\n]*\))?\n\n)?^(?P<fence>`{3,}|~{3,})(?s:.*?)^(?P=fence)[ \t]*$",
    "left_table": r"(?:^\*\*(?P<name>[^\n]+)\*\*\n\n)?^\|.*\n\|[ :|-]+$(?:\n\|.*$)*",
    "left_figure": r"^!\[(?P<alt>[^\]\n]*)\]\([^)\n]*\)(?:\n\n\*(?P<name>[^\n]+)\*$)?",
    "left_demo": r"^\*\*(?P<name>[^\n]+)\*\* · [^\n]* · \[[^\]\n]*\]\((?P<url>[^)\n]+)\)\n(?:\n>.*$)(?:\n>.*$)*",
}


def to_markdown(post: Portable) -> str:
    """Plain GitHub-flavoured Markdown."""
    return f"# {post.title}\n\n{_with_dollars(post)}\n{_foot(post)}"


def to_zhihu(post: Portable) -> str:
    """Markdown for Zhihu's import: the title goes into its own field."""
    _check_length("zhihu", "title", post.title, ZHIHU_TITLE)
    return f"{_with_dollars(post, ' $$…$$ ')}\n{_foot(post)}"


def to_devto(post: Portable) -> str:
    """Markdown with dev.to's front matter; the canonical address is ours, and it stays a draft."""
    _check_length("devto", "title", post.title, DEVTO_TITLE)
    tags = [tag for one in post.tags if (tag := re.sub(r"[^a-z0-9]", "", one.lower()))]
    joined = ", ".join(dict.fromkeys(tags))
    while joined.count(",") >= DEVTO_TAGS or len(joined) > DEVTO_TAG_CHARACTERS:
        joined = joined.rpartition(",")[0]
    head = {
        "title": post.title,
        "published": False,
        "description": post.description,
        "tags": joined,
        "canonical_url": post.url,
    }
    front = "\n".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items())
    body = outside_code(f"{post.body}\n{_foot(post)}", _escape_liquid)
    frames = "{% katex inline %}…{% endkatex %}", "{% katex %}…{% endkatex %}"
    body = outside_code(body, lambda prose: set_formulas(prose, to_latex, *frames))
    text = f"---\n{front}\n---\n\n{body}"
    if len(text.encode()) > DEVTO_BYTES:
        raise AuthorError(f"dev.to takes {DEVTO_BYTES:,} bytes, the post has {len(text.encode()):,}")
    return text


def to_linkedin(post: Portable) -> str:
    """Plain text of at most 3,000 characters: the lead, what one learns, then sections while there is room."""
    lead, *rest = [part.strip() for part in re.split(r"\n{2,}", _plain(post)) if part.strip()]
    tags = " ".join("#" + re.sub(r"[^\w]", "", tag) for tag in post.tags[:5])
    more = {"zh": "全文（每个数字都附收据）", "en": "The whole post, with a receipt for every number"}[
        post.lang
    ]
    tail = f"{more}{'：' if post.lang == 'zh' else ': '}{post.url}" + (f"\n\n{tags}" if tags else "")
    text = f"{post.title}\n\n{lead}"
    kept: list[str] = []
    for paragraph in rest:
        if measured("\n\n".join([text, *kept, paragraph, tail])) > LINKEDIN_CHARACTERS:
            break
        kept.append(paragraph)
    while kept and (kept[-1].startswith("▍") or kept[-1].endswith((":", "："))):
        kept.pop()  # no heading without its section, nothing that announces what did not fit
    text = "\n\n".join([text, *kept, tail]) + "\n"
    if measured(text) > LINKEDIN_CHARACTERS:
        raise AuthorError(
            f"LinkedIn takes {LINKEDIN_CHARACTERS:,} characters; title, first paragraph and tags have {measured(text):,}",
            hint="shorten the first paragraph of the post",
        )
    return text


def measured(text: str) -> int:
    """Characters as a browser counts them: UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def check_wechat(post: Portable) -> None:
    """Raise for a title that WeChat cuts; a digest is cut by us."""
    _check_length("wechat", "title", post.title, WECHAT_TITLE)


def receipts_of(post: Portable) -> str:
    """The heading of the list of receipts."""
    return say("receipts_of_page", post.lang)


def _foot(post: Portable) -> str:
    colon = "：" if post.lang == "zh" else ":"
    note = {
        "zh": f"本文首发于 [{post.url}]({post.url})。文中数字由程序写入，每一个都能在收据里核对",
        "en": f"First published at [{post.url}]({post.url}). Every number was written by a program and can be checked",
    }[post.lang]
    lines = [f"- [{title}]({url})" for title, url in post.receipts]
    return (
        "\n".join(["---", "", f"{note}{colon if lines else '.' if post.lang == 'en' else '。'}", "", *lines])
        + "\n"
    )


def _with_dollars(post: Portable, inline: str = "$…$") -> str:
    return outside_code(post.body, lambda prose: set_formulas(prose, to_latex, inline, "$$…$$"))


def _plain(post: Portable) -> str:
    """Prose as plain text: links as words, headings marked, and a line for each block that plain text cannot hold.

    The line keeps true what the prose says of the block, be it before or after it.
    """
    text = outside_code(post.body, lambda prose: set_formulas(prose, to_text, "…", "…"))
    for words, pattern in _LEFT_OUT.items():
        text = re.sub(pattern, partial(_stand_in, words, post.lang), text, flags=re.MULTILINE)
    text = re.sub(r"^(→ .*\n)\n+(?=→ )", r"\1", text, flags=re.MULTILINE)
    text = re.sub(r"^> ?", "", text, flags=re.MULTILINE)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"^#{1,6} +(.*)$", r"▍\1", text, flags=re.MULTILINE)
    text = re.sub(r"^[-*] +", "• ", text, flags=re.MULTILINE)
    text = re.sub(
        r"\*\*([^*\n]+)\*\*|(?<!\w)\*([^*\n]+)\*(?!\w)", lambda hit: hit.group(1) or hit.group(2), text
    )
    return re.sub(r"\n{3,}", "\n\n", text.replace("`", "").replace("\\", "")).strip()


def _stand_in(words: str, lang: str, block: re.Match[str]) -> str:
    """`→ Table in the post: its caption’s first sentence`."""
    found = block.groupdict()
    name = found["name"] or found.get("alt") or ""
    if words == "left_code":
        name = name.rpartition("/")[2]
    else:
        name = re.split(r"(?<=[。！？])|(?<=[.!?])\s", name)[0].rstrip("。.")
    said = say(words, lang, name).rstrip(" ：:")
    return f"→ {said}{' ' + found['url'] if 'url' in found else ''}"


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Markdown with its prose changed and its code left alone."""
    out, at = [], 0
    for found in _CODE.finditer(text):
        out += [change(text[at : found.start()]), found.group()]
        at = found.end()
    return "".join([*out, change(text[at:])])


def _escape_liquid(prose: str) -> str:
    return re.sub(r"\{\{|\{%|%\}|\}\}", lambda hit: "{% raw %}" + hit.group() + "{% endraw %}", prose)


def _check_length(place: str, what: str, text: str, room: int) -> None:
    if len(text) > room:
        raise AuthorError(
            f"{place} takes a {what} of {room} characters, this one has {len(text)}: ‘{text}’",
            hint="shorten it in the post",
        )
