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
  a title are what its editor is said to take, and we keep to them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from verifolio.errors import AuthorError
from verifolio.export.portable import Portable
from verifolio.words import say

LINKEDIN_CHARACTERS = 3000
DEVTO_TAGS, DEVTO_TAG_CHARACTERS, DEVTO_BYTES, DEVTO_TITLE = 4, 126, 800_000, 128
WECHAT_TITLE, WECHAT_DIGEST = 64, 120
ZHIHU_TITLE = 100

_FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"^(```+|~~~).*?^\1\s*$|`[^`\n]+`", re.DOTALL | re.MULTILINE)


def to_markdown(post: Portable) -> str:
    """Plain GitHub-flavoured Markdown."""
    return f"# {post.title}\n\n{post.body}\n{_foot(post)}"


def to_zhihu(post: Portable) -> str:
    """Markdown for Zhihu's import: the title goes into its own field."""
    _check_length("zhihu", "title", post.title, ZHIHU_TITLE)
    return f"{post.body}\n{_foot(post)}"


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
    body = _outside_code(f"{post.body}\n{_foot(post)}", _escape_liquid)
    text = f"---\n{front}\n---\n\n{body}"
    if len(text.encode()) > DEVTO_BYTES:
        raise AuthorError(f"dev.to takes {DEVTO_BYTES:,} bytes, the post has {len(text.encode()):,}")
    return text


def to_linkedin(post: Portable) -> str:
    """Plain text of at most 3,000 characters: the lead, what one learns, then sections while there is room."""
    body = _plain(post.body)
    paragraphs = [part.strip() for part in re.split(r"\n{2,}", body) if part.strip()]
    lead, rest = paragraphs[0], _without_pointers(paragraphs[1:], post.lang)
    tags = " ".join("#" + re.sub(r"[^\w]", "", tag) for tag in post.tags[:5])
    more = {"zh": "全文（每个数字都附收据）", "en": "The whole post, with a receipt for every number"}[
        post.lang
    ]
    tail = f"{more}{'：' if post.lang == 'zh' else ': '}{post.url}" + (f"\n\n{tags}" if tags else "")
    text = f"{post.title}\n\n{lead}"
    for paragraph in rest:
        if measured(f"{text}\n\n{paragraph}\n\n{tail}") > LINKEDIN_CHARACTERS:
            break
        text += f"\n\n{paragraph}"
    text = re.sub(r"\n\n▍[^\n]*$", "", text)  # no heading without its section
    text = f"{text}\n\n{tail}\n"
    if measured(text) > LINKEDIN_CHARACTERS:
        raise AuthorError(
            f"LinkedIn takes {LINKEDIN_CHARACTERS:,} characters; title, first paragraph and tags have {measured(text):,}",
            hint="shorten the first paragraph of the post",
        )
    return text


def _without_pointers(paragraphs: list[str], lang: str) -> list[str]:
    """Without the sentences that only point at a picture, code or demo, which plain text does not have."""
    kept = []
    for paragraph, after in zip(paragraphs, [*paragraphs[1:], ""], strict=True):
        if paragraph.endswith((":", "：")) and not after.startswith(("•", "1.")):
            paragraph = "".join(re.split(r"(?<=[。！？])|(?<=[.!?] )", paragraph)[:-1]).strip()
        if paragraph and f"· {say('recorded', lang)} ·" not in paragraph:
            kept.append(paragraph)
    return kept


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


def _plain(markdown: str) -> str:
    """Prose as plain text: no code, tables or pictures, links as words, headings marked."""
    text = _FENCE.sub("", markdown)
    text = re.sub(r"^\*\*[^\n]+\*\*\n+(?=\|)", "", text, flags=re.MULTILINE)  # what a table is called
    text = re.sub(
        r"^\|.*$|^!\[.*$|^\*[^*\n]+\*$|^\[?`[^`\n]+`(?:\]\([^)]*\))?$", "", text, flags=re.MULTILINE
    )
    text = re.sub(r"^>.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"^#{1,6} +(.*)$", r"▍\1", text, flags=re.MULTILINE)
    text = re.sub(r"^[-*] +", "• ", text, flags=re.MULTILINE)
    text = re.sub(
        r"\*\*([^*\n]+)\*\*|(?<!\w)\*([^*\n]+)\*(?!\w)", lambda hit: hit.group(1) or hit.group(2), text
    )
    return re.sub(r"\n{3,}", "\n\n", text.replace("`", "").replace("\\", "")).strip()


def _outside_code(text: str, change: Callable[[str], str]) -> str:
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
