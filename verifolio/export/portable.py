"""A post as Markdown that stands anywhere: numbers as text, charts as pictures, links absolute.

Binds by the same rules as the site does, so a stale number or a false claim stops the export.
"""

from __future__ import annotations

import html
import posixpath
import re
from dataclasses import dataclass, field

from verifolio.bind import Block, BlockHandler, bind_inline, bind_text
from verifolio.blocks import chart_block, code_block, exercise_block, table_block
from verifolio.charts import VARIABLES, draw
from verifolio.cite import author_of, post_url
from verifolio.demos import read_demos
from verifolio.errors import AuthorError
from verifolio.export.examples import quote_recorded
from verifolio.export.formulas import FORMULA, read_formula
from verifolio.expressions import find_table
from verifolio.ladder import demo_block
from verifolio.listings import Shelf
from verifolio.page import Page
from verifolio.posts import Post
from verifolio.quote import quote_code
from verifolio.receipts import receipt_path
from verifolio.roadmap import Roadmap
from verifolio.socialcard import post_card, svg_to_png
from verifolio.words import say

_CODE = re.compile(r"^(```+|~~~).*?^\1\s*$|`[^`\n]+`", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(!?\[[^\]]*\])\(([^)\s]+)\)")  # of a page, a file or a picture


@dataclass
class Portable:
    """What every place is written from; `body` begins below the title."""

    title: str
    description: str
    lang: str
    url: str
    author: str
    tags: list[str]
    date: str
    body: str = ""  # formulas still as MathML: each place writes them its own way
    receipts: list[tuple[str, str]] = field(default_factory=list)  # title, address
    images: dict[str, bytes] = field(default_factory=dict)  # file name → PNG
    exercises: int = 0


def make_portable(page: Page, post: Post, shelf: Shelf, *, charts: str = "wide") -> Portable:
    """Bind the post for other places, charts drawn `wide` or `narrow`; raises with all faults if anything is not true."""
    title = bind_inline(post.meta.title, page, 1, plain=True)
    description = bind_inline(post.meta.description, page, 1, plain=True)
    url = post_url(page, post)
    out = Portable(
        title,
        description,
        page.lang,
        url,
        author_of(page),
        post.meta.tags,
        str(post.meta.updated or post.meta.date),
    )
    out.images[f"{page.lang}-cover.png"] = svg_to_png(post_card(page, post, title), 1.0)
    prose = _CODE.sub(lambda code: re.sub(r"[^\n]", " ", code.group()), post.body)
    for formula in FORMULA.finditer(prose):
        try:
            read_formula(formula.group())
        except AuthorError as error:
            page.fault(post.first_line + prose.count("\n", 0, formula.start()), error, shown=False)
    body = bind_text(post.body, page, _handlers(out, shelf, charts), first_line=post.first_line, plain=True)
    if page.faults:
        raise AuthorError(faults=page.faults)
    out.body = tidy(body, page)
    for name in dict.fromkeys(ref.experiment for ref in page.evidence.used):
        out.receipts.append((page.evidence.result(name).title[page.lang], absolute(page, receipt_path(name))))
    return out


def absolute(page: Page, target: str) -> str:
    """The address of a staged page or file."""
    path, mark, anchor = target.partition("#")
    is_page = posixpath.splitext(path)[1] in ("", ".md", ".ipynb")
    path = path.removesuffix(".md").removesuffix(".ipynb").replace("blog/posts/", "blog/")
    path = posixpath.dirname(path) if posixpath.basename(path) == "index" else path
    prefix = "" if page.lang == "zh" else f"{page.lang}/"
    return f"{page.site.url.rstrip('/')}/{prefix}{path}{'/' if path and is_page else ''}{mark}{anchor}"


def tidy(text: str, page: Page) -> str:
    """Markdown without what only our engine reads: attributes, HTML wrappers, relative links."""
    fences: list[str] = []

    def keep(found: re.Match[str]) -> str:
        fences.append(found.group())
        return f"\x00{len(fences) - 1}\x00"

    text = _CODE.sub(keep, text)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"^\{[.#:][^}]*\}\s*$|[ \t]*\{:?[ \t]*(?:[.#]|lang=)[^}]*\}", "", text, flags=re.MULTILINE)
    text = re.sub(r"</?(?:div|section|figure|figcaption|span|p|nav|details|summary)\b[^>]*>", "", text)
    text = _LINK.sub(lambda found: f"{found.group(1)}({_resolved(page, found.group(2))})", text)
    text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    return re.sub(r"\x00(\d+)\x00", lambda found: fences[int(found.group(1))], text)


def _resolved(page: Page, target: str) -> str:
    if re.match(r"[a-z]+:|images/", target):  # elsewhere, or drawn for this export
        return target
    if target.startswith("#"):
        return absolute(page, page.path) + target
    return absolute(page, posixpath.normpath(posixpath.join(posixpath.dirname(page.path), target)))


def _handlers(out: Portable, shelf: Shelf, size: str) -> dict[str, BlockHandler]:
    """The blocks, each in a form that any Markdown knows; checked by the site's own handlers first."""

    def table(page: Page, block: Block) -> str:
        rows = [line for line in table_block(page, block).split("\n") if line.startswith("|")]
        caption = bind_inline(str(block.body.get("caption", "")), page, block.line, plain=True)
        return (f"**{caption}**\n\n" if caption else "") + html.unescape("\n".join(rows))

    def chart(page: Page, block: Block) -> str:
        chart_block(page, block)
        title, alt = (
            bind_inline(str(block.body[key]), page, block.line, plain=True) for key in ("title", "alt")
        )
        project, experiment, key = block.target.split(".")
        result = page.evidence.result(f"{project}.{experiment}")
        name = f"{page.lang}-{len(out.images)}-{key}.png"
        drawing = draw(result.charts[key], page.lang, page.evidence.portfolio.root / "build/cache/charts")
        svg = drawing.wide if size == "wide" else drawing.narrow
        out.images[name] = svg_to_png(_on_paper(svg), 2.0 if size == "wide" else 4.0)
        return f"![{alt.replace(']', ')').replace('[', '(')}](images/{name})\n\n*{title}*"

    def code(page: Page, block: Block) -> str:
        code_block(page, block)
        quote = quote_code(page.evidence.portfolio.root, block.target, str(block.body.get("lines", "")))
        url = page.site.source_url(quote.path, quote.first_line, quote.last_line)
        label = f"`{block.target}`"
        fence = "````" if "```" in quote.text else "```"
        return f"{f'[{label}]({url})' if url else label}\n\n{fence}{quote.language}\n{quote.text}\n{fence}"

    def exercise(page: Page, block: Block) -> str:
        exercise_block(page, block)
        out.exercises += 1
        colon = "：" if page.lang == "zh" else ":"
        question, solution = (
            bind_inline(str(block.body[key]).strip(), page, block.line, plain=True)
            for key in ("question", "solution")
        )
        return (
            f"**{say('exercise', page.lang)} {out.exercises}{colon}** {question}\n\n"
            f"**{say('solution', page.lang)}{colon}** {solution}"
        )

    def demo(page: Page, block: Block) -> str:
        demo_block(page, block)
        declared, lang = read_demos(page.evidence.portfolio.root)[block.target], page.lang
        assert declared.recorded  # demo_block refuses a planned one
        experiment, _, key = declared.recorded.table.rpartition(".")
        table = find_table(page.evidence.result(experiment), key)
        link = f"[{say('try_demo', lang)}]({absolute(page, f'demos/{block.target}.md')})"
        head = f"**{declared.title[lang]}** · {say('recorded', lang)} · {link}"
        return f"{head}\n\n{quote_recorded(declared.recorded, table, lang)}"

    def weeks(page: Page, block: Block) -> str:
        roadmap, rows = Roadmap(page, shelf.weeks, shelf.posts), []
        for week in shelf.weeks:
            post, title = roadmap.post_of(week), week.title[page.lang]
            shown = f"[{title}]({post_url(page, post)})" if post and post.state == "published" else title
            rows.append(f"{week.week}. {shown} · {say(roadmap.week_state(week), page.lang)}")
        return "\n".join(rows)

    def listed(page: Page, block: Block) -> str:
        return ""  # lists of this site's own pages mean nothing elsewhere

    own: dict[str, BlockHandler] = {
        "table": table,
        "chart": chart,
        "code": code,
        "exercise": exercise,
        "demo": demo,
        "weeks": weeks,
    }
    return {kind: own.get(kind, listed) for kind in shelf.handlers()}


def _on_paper(svg: str) -> str:
    """A chart's SVG with the light colours and a white ground, as a file of its own."""
    for colour, variable in VARIABLES.items():
        svg = svg.replace(f"var({variable})", colour)
    box = re.search(r'viewBox="([-\d.]+) ([-\d.]+) ([\d.]+) ([\d.]+)"', svg)
    ground = (
        'x="{}" y="{}" width="{}" height="{}"'.format(*box.groups()) if box else 'width="100%" height="100%"'
    )
    xmlns = "" if "xmlns=" in svg else ' xmlns="http://www.w3.org/2000/svg"'
    svg = svg.replace(
        "<svg", f'<svg{xmlns} font-family="Noto Sans CJK SC, PingFang SC, Microsoft YaHei, sans-serif"', 1
    )
    return re.sub(r"(<svg[^>]*>)", rf'\1<rect {ground} fill="#ffffff"/>', svg, count=1)
