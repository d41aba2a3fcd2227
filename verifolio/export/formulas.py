"""Formulas for other places: the MathML that posts hold, as LaTeX or as text that needs nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from verifolio.errors import AuthorError

FORMULA = re.compile(r"<math\b.*?(?:</math>|\Z)", re.DOTALL)

_LEAVES = {"mi", "mn", "mo", "mspace"}
_CHILDREN = {"mfrac": 2, "msub": 2, "msup": 2, "munder": 2}
_ROWS = {"math", "mrow"}
_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho varsigma sigma tau "
    "upsilon phi chi psi omega"
)
_COMMANDS = {chr(ord("α") + at): f"\\{name}" for at, name in enumerate(_GREEK.split())} | {
    "ℝ": r"\mathbb{R}", "⊤": r"\top", "∂": r"\partial", "∈": r"\in", "×": r"\times", "·": r"\cdot", "−": "-",
    "≤": r"\le", "≥": r"\ge", "<": r"\lt", ">": r"\gt", "*": r"\ast", "%": r"\%", "{": r"\lbrace", "}": r"\rbrace",
}  # fmt: skip
_FUNCTIONS = {"arg", "cos", "exp", "lim", "log", "max", "min", "sin"}  # those that LaTeX knows by name
_SPACED = "=+−×·∈≤≥<>"
_LOW = dict(zip("0123456789aehijklmnoprstuvx+−=()", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₊₋₌₍₎", strict=True))
_HIGH = dict(zip("0123456789inrx⊤+−=()", "⁰¹²³⁴⁵⁶⁷⁸⁹ⁱⁿʳˣᵀ⁺⁻⁼⁽⁾", strict=True))


def set_formulas(text: str, write: Callable[[Element], str], inline: str, block: str) -> str:
    """Every formula by `write`, in the frame that the place has for one in a line or for one by itself: `$…$`."""

    def framed(found: re.Match[str]) -> str:
        formula = read_formula(found.group())
        return (block if formula.get("display") == "block" else inline).replace("…", write(formula))

    return FORMULA.sub(framed, text)


def read_formula(text: str) -> Element:
    """The elements of a formula; raises for one that could not be written elsewhere."""
    try:
        formula = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise AuthorError(
            f"no formula that can be read: {error}", hint="close every element of <math>"
        ) from None
    for node in formula.iter():
        if node.tag not in _LEAVES | _ROWS | _CHILDREN.keys():
            raise AuthorError(
                f"<{node.tag}> in a formula, which the export cannot write for other places",
                hint="it knows " + ", ".join(sorted(_LEAVES | _ROWS | _CHILDREN.keys())),
            )
        wanted = 0 if node.tag in _LEAVES else _CHILDREN.get(node.tag, len(node))
        stray = (node.tail or "") + ("" if node.tag in _LEAVES else node.text or "")
        if len(node) != wanted or stray.strip():
            raise AuthorError(f"<{node.tag}> in a formula holds what does not belong there")
    return formula


def to_latex(node: Element) -> str:
    """Such as `q_{i} = x_{i} + 1`; commands of letters, since Markdown takes away a backslash before most marks."""
    parts = [to_latex(child) for child in node]
    name = _own(node)
    match node.tag:
        case "mspace":
            return r"\quad"
        case "mi" if len(name) > 1:
            return f"\\{name}" if name in _FUNCTIONS else rf"\mathrm{{{name}}}"
        case "mi" | "mn" | "mo":
            return "".join(_COMMANDS.get(one, one) for one in name)
        case "mfrac":
            latex = rf"\frac{{{parts[0]}}}{{{parts[1]}}}"
        case "msub" | "munder" | "msup":
            base = f"{{{parts[0]}}}" if " " in parts[0] else parts[0]
            latex = f"{base}{'^' if node.tag == 'msup' else '_'}{{{parts[1]}}}"
        case _:
            latex = re.sub(r"^\( (.*) \)$", r"\\left( \1 \\right)", " ".join(parts))
    return latex.replace("{{", "{ {")  # two would be Liquid's


def to_text(node: Element) -> str:
    """Such as `qᵢ = xᵢ + 1`."""
    name = _own(node)
    match node.tag:
        case "mspace":
            return " "
        case "mo":
            return f" {name} " if name in _SPACED else f"{name} " if name == "," else name
        case "mi" | "mn":
            return name
        case "mfrac":
            over, under = (to_text(child) for child in node)
            slash = " / " if " " in over + under else "/"
            return slash.join(
                f"({one})" if re.search(f" [{_SPACED}] |/", one) else one for one in (over, under)
            )
        case "msub" | "munder":
            return to_text(node[0]) + _script(to_text(node[1]), "_", _LOW)
        case "msup":
            return to_text(node[0]) + _script(to_text(node[1]), "^", _HIGH)
    out, nodes = "", list(node)
    for before, one, after in zip([None, *nodes], nodes, [*nodes[1:], None], strict=False):
        text = to_text(one)
        if one.tag == "mfrac" and (_is_factor(before, ")") or _is_factor(after, "(")):
            text = f" ({text}) "
        elif _is_named(one) and after is not None and not to_text(after).startswith("("):
            text += " "
        out += text
    return re.sub(" +", " ", out).strip()


def _is_factor(node: Element | None, bracket: str) -> bool:
    """Whether a fraction beside it is multiplied by it, and needs brackets in a line."""
    return node is not None and (node.tag not in {"mo", "mspace"} or _own(node) == bracket)


def _is_named(node: Element) -> bool:
    """Whether it is a function such as `max`, perhaps with an index."""
    while node.tag in {"msub", "msup", "munder"}:
        node = node[0]
    return node.tag == "mi" and len(_own(node)) > 1


def _script(text: str, mark: str, letters: dict[str, str]) -> str:
    """An index or power in Unicode’s small letters, or behind `mark` when one of them is missing."""
    text = text.replace(" ", "")
    if all(one in letters for one in text):
        return "".join(letters[one] for one in text)
    return f"{mark}({text})" if len(text) > 1 else mark + text


def _own(node: Element) -> str:
    return (node.text or "").strip()
