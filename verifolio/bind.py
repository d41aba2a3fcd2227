"""Binds results into Markdown: `{{ numbers }}`, `{{claim …}}prose{{/claim}}` and `:::` blocks.

Works on the author's text line by line, so that each fault names its line; code stays untouched.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import dataclass

from verifolio.errors import AuthorError, did_you_mean
from verifolio.expressions import Quantity
from verifolio.files import parse_yaml
from verifolio.indented import end_of_indented_code
from verifolio.page import Page, card_id, fault_block, fault_inline
from verifolio.units import NARROW, UNITS, format_interval, format_value

_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_HEADING = re.compile(r"^(#{1,6})\s", re.MULTILINE)
_BLOCK = re.compile(r"^ {0,3}:::\s*(?P<kind>[a-z]+)(?:\s+(?P<target>\S.*?))??(?P<closed>\s+:::)?\s*$")
_CLOSED = re.compile(
    r"）(?:</span>\]\([^)]*\)\{[^}]*\})?$"
)  # a number that ends with its interval, linked or not
_PIECES = re.compile(r"(?P<code>(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`))|\{\{(?P<tag>.*?)\}\}", re.DOTALL)
# A tag that is broken off; LaTeX's `{{x}_i}` is none.
_UNCLOSED = re.compile(r"\{\{\s*(?:/?claim\b|literal\s|[a-z_][a-z0-9_]*\.[a-z_])")
_OPTIONS = {"digits", "unit", "ci", "plain", "sign"}


@dataclass(frozen=True)
class Block:
    """A `:::` block: its kind, what it names, its YAML body and its first line in the source."""

    kind: str
    target: str
    body: dict[str, object]
    line: int
    level: int = 2  # of a heading in it: one below the section's


BlockHandler = Callable[[Page, Block], str]


def bind_text(
    text: str, page: Page, handlers: dict[str, BlockHandler], *, first_line: int = 1, plain: bool = False
) -> str:
    """Markdown with every binding replaced; faults go to the page and show where they happened.

    `plain` gives words without links to receipts, for other places.
    """
    out: list[str] = []
    lines = text.split("\n")
    at, level = 0, 2
    while at < len(lines):
        line = lines[at]
        bare = line.strip()
        if not bare:
            out.append(line)
            at += 1
        elif bare[0] in "`~" and (fence := _FENCE.match(line)):
            end = _end_of_fence(lines, at, fence.group(1))
            out += lines[at:end]
            at = end
        elif line[0] in " \t" and (end := end_of_indented_code(lines, at)) > at:
            out += lines[at:end]
            at = end
        elif bare.startswith(":::"):
            bound, at = _bind_block(lines, at, page, handlers, first_line, level)
            out += ["", bound, ""]
        else:
            end = _end_of_paragraph(lines, at)
            paragraph = "\n".join(lines[at:end])
            if "#" in paragraph:
                for heading in _HEADING.finditer(paragraph):
                    level = min(len(heading.group(1)) + 1, 6)
            out.append(bind_inline(paragraph, page, first_line + at, plain=plain))
            at = end
    return "\n".join(out)


def bind_inline(text: str, page: Page, line: int, *, plain: bool = False) -> str:
    """The same for one paragraph; `plain` gives words without links, for titles."""
    if "{{" not in text:
        return text
    out: list[str] = []
    opened: list[int] = []
    at = 0
    for piece in _PIECES.finditer(text):
        out.append(text[at : piece.start()])
        at = piece.end()
        if piece.group("code"):
            out.append(piece.group("code"))
            continue
        here = line + text.count("\n", 0, piece.start())
        tag = piece.group("tag").strip()
        try:
            out.append(_bind_tag(tag, page, here, opened, plain=plain))
            if page.lang == "zh" and _CLOSED.search(out[-1]) and text[at : at + 1] == " ":
                at += 1  # a full-width bracket brings its own space
        except AuthorError as error:
            placed = page.fault(here, error, shown=not plain)
            out.append("?" if plain else fault_inline(placed))
    if left := _UNCLOSED.search(text, at):
        here = line + text.count("\n", 0, left.start())
        unclosed = AuthorError(
            "‘{{’ without ‘}}’ in the same paragraph", hint="close it before the blank line"
        )
        placed = page.fault(here, unclosed, shown=not plain)
        out.append("?" if plain else fault_inline(placed))
    out.append(text[at:])
    if opened:
        unclosed = AuthorError(
            "{{claim}} without {{/claim}} in the same paragraph", hint="close it before the blank line"
        )
        placed = page.fault(opened[-1], unclosed, shown=not plain)
        out.append("" if plain else fault_inline(placed) + "</span>" * len(opened))
    return "".join(out)


def check_claim(expression: str, page: Page, line: int) -> None:
    """Raise unless the expression holds over fresh results; note what it rests on."""
    quantity = page.evidence.evaluate(expression)
    page.bound.append(f"claim {_squeezed(expression)}")
    page.doubt(line, quantity.refs)
    if not isinstance(quantity.value, bool):
        raise AuthorError(f"claim ‘{expression}’ is a number, not a comparison", hint="compare it: … > …")
    if not quantity.value:
        values = ", ".join(sorted({f"{ref} = {_value_of(page, str(ref))}" for ref in quantity.refs}))
        raise AuthorError(
            f"claim is false: {expression} ({values})", hint="mend the prose or the claim: the results stand"
        )


def _bind_tag(tag: str, page: Page, line: int, opened: list[int], *, plain: bool) -> str:
    if tag.startswith("claim "):
        opened.append(line)
        expression = tag.removeprefix("claim ").strip()
        start = f'<span class="vf-claim" data-expr="{html.escape(expression)}">'
        try:
            check_claim(expression, page, line)
        except AuthorError as error:
            start = fault_inline(page.fault(line, error, shown=not plain)) + start
        return "" if plain else start
    if tag == "/claim":
        if not opened:
            raise AuthorError("{{/claim}} without {{claim …}} before it in this paragraph")
        opened.pop()
        return "" if plain else "</span>"
    if tag.startswith("literal "):
        literal = re.sub(r"(?<=\d) (?=%)", NARROW, tag.removeprefix("literal ").strip())
        return literal if plain else f'<span class="vf-literal">{literal}</span>'
    return _bind_number(tag, page, line, plain=plain)


def _bind_number(tag: str, page: Page, line: int, *, plain: bool) -> str:
    expression, _, given = tag.partition("|")
    options = _read_options(given)
    quantity = page.evidence.evaluate(expression)
    if isinstance(quantity.value, bool):
        raise AuthorError(f"‘{expression.strip()}’ is a comparison, not a number", hint="use {{claim …}}")
    shown = _converted(quantity, str(options.get("unit", "")), expression)
    page.bound.append(_squeezed(tag))
    stale = page.doubt(line, quantity.refs)
    digits = int(options["digits"]) if "digits" in options else None
    bare = plain or "plain" in options or not quantity.refs  # words, without a link
    text = format_value(shown.value, shown.unit, page.lang, digits=digits, sign="sign" in options)
    if "ci" in options:
        if quantity.metric is None or quantity.metric.ci is None:
            raise AuthorError(f"‘{expression.strip()}’ has no interval to show")
        low, high = (
            _converted(Quantity(end, quantity.unit, quantity.refs), shown.unit, expression).value
            for end in quantity.metric.ci
        )
        interval = format_interval(low, high, shown.unit, page.lang, digits)
        before, bracketed = ("", f"（{interval}）") if page.lang == "zh" else (" ", f"({interval})")
        text += before + (bracketed if bare else f'<span class="vf-ci">{bracketed}</span>')
    if bare:
        return text
    key = _squeezed(expression)
    page.cards.setdefault(card_id(key), (key, quantity))
    classes = ".vf-num .vf-stale" if stale else ".vf-num"
    target = page.link(page.receipt(quantity.refs[0]))
    return f'[{text}]({target}){{ {classes} data-vf="{html.escape(key)}" }}'


def _converted(quantity: Quantity, unit: str, expression: str) -> Quantity:
    """The quantity in the unit asked for; only conversions that mean something are known."""
    if not unit:
        if not quantity.unit:
            if quantity.refs:
                raise AuthorError(
                    f"‘{expression.strip()}’ has no unit of its own", hint="say which: | unit=times"
                )
            return Quantity(quantity.value, "score", quantity.refs)
        return quantity
    if unit not in UNITS:
        raise AuthorError(f"unknown unit ‘{unit}’", hint=did_you_mean(unit, list(UNITS)))
    factors = {
        ("ratio", "points"): 100.0,
        ("seconds", "milliseconds"): 1000.0,
        ("milliseconds", "seconds"): 0.001,
        ("items_per_s", "count"): 1.0,  # "87 pages a second": the sentence says of what, and in what time
    }
    if quantity.unit and quantity.unit != unit and (quantity.unit, unit) not in factors:
        raise AuthorError(f"‘{expression.strip()}’ is in {quantity.unit} and cannot be shown in {unit}")
    factor = factors.get((quantity.unit, unit), 1.0)
    return Quantity(quantity.value * factor, unit, quantity.refs, quantity.metric)


def _read_options(text: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for word in text.split():
        name, _, value = word.partition("=")
        if name not in _OPTIONS:
            raise AuthorError(f"unknown option ‘{name}’", hint=did_you_mean(name, sorted(_OPTIONS)))
        if name == "digits" and not value.isdigit():
            raise AuthorError(f"digits={value}: a whole number belongs there")
        options[name] = value
    return options


def _bind_block(
    lines: list[str],
    at: int,
    page: Page,
    handlers: dict[str, BlockHandler],
    first_line: int,
    level: int,
) -> tuple[str, int]:
    start = first_line + at
    try:
        found = _BLOCK.match(lines[at])
        if not found:
            raise AuthorError(f"‘{lines[at].strip()}’ is not a block", hint="::: kind target")
        end = at + 1
        body: list[str] = []
        if not found.group("closed"):
            while end < len(lines) and lines[end].strip() != ":::":
                body.append(lines[end])
                end += 1
            if end == len(lines):
                at = len(lines) - 1
                raise AuthorError(
                    f"block ‘{lines[start - first_line].strip()}’ is not closed",
                    hint="end it with a line :::",
                )
            end += 1
        at = end - 1
        kind = found.group("kind")
        if kind not in handlers:
            raise AuthorError(f"unknown block ‘{kind}’", hint=did_you_mean(kind, sorted(handlers)))
        parsed = parse_yaml("\n".join(body), path=page.source, first_line=start + 1) if body else None
        parsed = parsed or {}
        if not isinstance(parsed, dict):
            raise AuthorError(
                f"the body of ‘::: {kind}’ is not a list of keys", hint="key: value, a line each"
            )
        block = Block(kind, found.group("target") or "", parsed, start, level)
        return handlers[kind](page, block), at + 1
    except AuthorError as error:
        return fault_block(page.fault(start, error)), at + 1


def _end_of_fence(lines: list[str], at: int, mark: str) -> int:
    for end in range(at + 1, len(lines)):
        if mark in lines[end]:
            bare = lines[end].strip()
            if bare.startswith(mark) and not bare.strip(mark[0]):
                return end + 1
    return len(lines)


def _end_of_paragraph(lines: list[str], at: int) -> int:
    for end in range(at + 1, len(lines)):
        line = lines[end]
        bare = line.strip()
        if not bare or bare.startswith(":::") or (bare[0] in "`~" and _FENCE.match(line)):
            return end
    return len(lines)


def _value_of(page: Page, key: str) -> str:
    try:
        value = page.evidence.evaluate(key)
        return format_value(value.value, value.unit, "en") if value.unit else str(value.value)
    except AuthorError:
        return "?"


def _squeezed(text: str) -> str:
    return " ".join(text.split())
