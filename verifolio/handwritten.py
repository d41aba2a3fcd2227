"""Finds numbers typed by hand that look like a metric of the page.

`{{literal 91 %}}` says that a number is not one. Code, links and HTML are left alone.
"""

from __future__ import annotations

import functools
import re

from verifolio.errors import Fault
from verifolio.indented import end_of_indented_code
from verifolio.page import Page
from verifolio.units import format_value

# Every form from its first character on, so that a search leaps to the next place where one can begin.
_CODE = re.compile(
    r"```.*?```|~~~.*?~~~|`(?!`).*?(?<!`)`(?!`)|``(?!`).*?(?<!`)``(?!`)"
    r"|\{\{.*?\}\}|<[A-Za-z/!][^>]*>|\]\([^)]*\)|https?://\S+",
    re.DOTALL,
)
_BLOCK_LINE = re.compile(r"^(?::::|(?:claim|columns|rows|lines):).*$", re.MULTILINE)  # keys, not prose
# Letters are ASCII here: in Chinese a number stands right beside the words.
_NUMBER = re.compile(r"(?<![A-Za-z0-9_.,])[-−+]?\d[\d,]*(?:\.\d+)?(?:\s*[%％])?(?![A-Za-z0-9_]*\d)")
# The same without its sign, from an ASCII digit on, as every form has it: a text is searched in a third of the time.
_UNSIGNED = re.compile(
    r"[0-9](?<![A-Za-z0-9_.,][0-9])[0-9,]*(?:\.[0-9]+)?(?:\s*[%％])?(?![A-Za-z0-9_]*[0-9])"
)
_SHOWN = re.compile(r"[−-]?[\d,.]+")
# Of a typed number: what an author may put in or leave out.
_NO_DIGITS = str.maketrans("", "", ".%-")  # what a form holds besides digits
_SAME = str.maketrans({**dict.fromkeys(", +\t\n\r\u00a0\u2009\u202f\u3000"), "％": "%", "−": "-"})


def find_handwritten(text: str, page: Page, *, first_line: int = 1) -> list[Fault]:
    """Faults for numbers in prose that equal a metric of a result that the page binds."""
    experiments = sorted({ref.experiment for ref in page.evidence.used})
    if not experiments:
        return []
    known, typed = [_forms_of(page, name) for name in experiments], _typed_in(text)
    if all(typed.isdisjoint(unsigned) for _, unsigned in known):
        return []  # most pages: nothing to look at more closely
    forms: dict[str, str] = {}
    for keys, _ in reversed(known):  # what fits several is told of the first
        forms |= keys
    faults = []
    visible = _CODE.sub(lambda found: "\n" * found.group().count("\n") or " ", text)
    visible = _BLOCK_LINE.sub("", visible)
    lines, code_until = visible.split("\n"), 0
    for at, line in enumerate(lines):
        code_until = max(code_until, end_of_indented_code(lines, at))
        if at < code_until:
            continue
        number = first_line + at
        for found in _NUMBER.finditer(line):
            form = _form(found.group())
            if form in forms:
                key = forms[form]
                shown = found.group().strip().rstrip(",")
                message = f"‘{shown}’ is typed by hand and looks like {key}"
                hint = f"bind it: {{{{ {key} }}}}, or if it is something else: {{{{literal {shown}}}}}"
                faults.append(Fault(page.source, number, message, hint))
    return faults


def _forms_of(page: Page, name: str) -> tuple[dict[str, str], frozenset[str]]:
    """Form → metric for one experiment, and the forms without sign; found once for all pages that bind it."""
    found, at = page.evidence.found, ("forms", name)
    if at not in found:
        result = page.evidence.states[name].result
        forms: dict[str, str] = {}
        for key, metric in result.metrics.items() if result else ():
            for form in _forms(float(metric.value), metric.unit):
                forms.setdefault(form, f"{name}.{key}")
        found[at] = forms, frozenset(form.lstrip("-") for form in forms)
    known: tuple[dict[str, str], frozenset[str]] = found[at]
    return known


@functools.lru_cache(maxsize=2048)  # the preview stages every post at each edit
def _typed_in(text: str) -> frozenset[str]:
    """All numbers of a text, without sign."""
    return frozenset(_form(number) for number in set(_UNSIGNED.findall(text)))


def _form(typed: str) -> str:
    """A typed number without spaces, separators and a plus sign."""
    return typed.translate(_SAME)


@functools.cache
def _forms(value: float, unit: str) -> frozenset[str]:
    """The ways in which an author would type the value, with three significant figures or more."""
    if unit == "ratio":
        forms = {f"{100 * value:.{digits}f}{percent}" for digits in (1, 2) for percent in ("", "%")}
        forms |= {f"{value:.{digits}f}" for digits in (3, 4)} | {f"{100 * value:.0f}%"}
    elif value == int(value):
        forms = {f"{value:.0f}"}
    else:
        forms = {f"{value:.{digits}f}" for digits in (1, 2, 3)}
    shown = (_SHOWN.match(format_value(value, unit, lang)) for lang in ("zh", "en"))  # 1.31 of 1.31 M
    forms |= {_form(found.group()) for found in shown if found}
    return frozenset(
        form
        for form in forms
        if len(form.translate(_NO_DIGITS).lstrip("0")) >= 3
        or (form.endswith("%") and "." not in form and len(form) > 2)
    )
