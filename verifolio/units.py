"""The closed list of units, and how a value is shown in each language."""

from __future__ import annotations

from dataclasses import dataclass

NARROW = "\u202f"  # narrow no-break space: number and unit stay on one line


@dataclass(frozen=True)
class Unit:
    """How a unit is written; `digits` are decimals, or significant figures where `scaled`."""

    zh: str
    en: str
    digits: int
    scale: float = 1.0
    scaled: bool = False
    base: int = 1000


UNITS = {
    "ratio": Unit("%", "%", 1, scale=100),
    "points": Unit("个百分点", "points", 1),
    "count": Unit("", "", 0),
    "parameters": Unit("参数", "parameters", 3, scaled=True),
    "seconds": Unit("秒", "s", 3, scaled=True),
    "milliseconds": Unit("毫秒", "ms", 3, scaled=True),
    "bytes": Unit("B", "B", 3, scaled=True),
    "items_per_s": Unit("条/秒", "items/s", 3, scaled=True),
    "tokens_per_s": Unit("词元/秒", "tokens/s", 3, scaled=True),
    "nats": Unit("nat", "nats", 3),
    "score": Unit("", "", 3),
    "times": Unit("倍", "×", 1),
}

_TIME = {
    "zh": [(3600.0, "小时"), (60.0, "分钟"), (1.0, "秒"), (1e-6, "微秒")],
    "en": [(3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-6, "µs")],
}


def format_value(
    value: float,
    unit: str,
    lang: str,
    *,
    digits: int | None = None,
    sign: bool = False,
    with_unit: bool = True,
) -> str:
    """`0.912, ratio` → `91.2 %`; `1_310_000, parameters` → `1.31 M parameters`, in Chinese `131 万参数`."""
    known = UNITS[unit]
    plus = "+" if sign and value > 0 else ""
    if unit == "seconds" and (value >= 100 or 0 < value < 1e-3) and with_unit:
        size, name = next((step for step in _TIME[lang] if value >= step[0]), _TIME[lang][-1])
        return f"{plus}{_rounded(value / size, digits, 3)}{NARROW}{name}"
    if unit == "parameters" and lang == "zh":
        return plus + _minus(_in_han(value, digits, known.zh if with_unit else ""))
    if unit in ("parameters", "bytes"):
        small = unit == "parameters" and value < 1e4 and digits is None  # whole, as Chinese has them
        number, prefix = (f"{value:,.0f}", "") if small else _prefixed(value, digits, whole=unit == "bytes")
        name = (prefix + known.en) if unit == "bytes" else f"{prefix} {getattr(known, lang)}".strip()
        text = number if not with_unit else f"{number}{NARROW}{name.replace(' ', NARROW)}"
        return plus + _minus(text)
    if known.scaled:
        number = _rounded(value, digits, known.digits)
    else:
        number = f"{value * known.scale:,.{known.digits if digits is None else digits}f}"
    name = getattr(known, lang)
    text = f"{number}{NARROW}{name}" if name and with_unit else number
    if unit == "times" and lang == "en" and with_unit:
        text = f"{number}×"
    return plus + _minus(text)


def format_interval(low: float, high: float, unit: str, lang: str, digits: int | None = None) -> str:
    """An interval in one unit: `90.4–92.0 %`."""
    if unit in ("parameters", "bytes", "seconds"):
        return f"{format_value(low, unit, lang, digits=digits)} – {format_value(high, unit, lang, digits=digits)}"
    first = format_value(low, unit, lang, digits=digits, with_unit=False)
    dash = "–" if low >= 0 else " 至 " if lang == "zh" else " to "  # a dash beside a minus cannot be read
    return f"{first}{dash}{format_value(high, unit, lang, digits=digits)}"


def _rounded(value: float, digits: int | None, figures: int) -> str:
    """Fixed decimals when asked for, else `figures` significant ones, never in exponents."""
    if digits is None:
        if value == 0:
            return "0"
        digits = max(0, figures - 1 - _exponent(value, figures))
    return f"{value:,.{digits}f}"


def _prefixed(value: float, digits: int | None, *, whole: bool) -> tuple[str, str]:
    exponent = _exponent(value, 3) if value else 0
    for power, factor, prefix in ((9, 1e9, "G"), (6, 1e6, "M"), (3, 1e3, "k")):
        if exponent >= power:
            return _rounded(value / factor, digits, 3), prefix
    return (f"{value:,.0f}" if whole or value == int(value) else f"{value:,.1f}"), ""


def _in_han(value: float, digits: int | None, name: str) -> str:
    """Large counts by ten thousands, as Chinese counts: `59.4 万参数`, `1.35 亿参数`; small ones whole."""
    if value < 1e4:
        return f"{value:,.0f}" + (f"{NARROW}{name}" if name else "")
    factor, step = (1e8, "亿") if _exponent(value, 3) >= 8 else (1e4, "万")
    return f"{_rounded(value / factor, digits, 3)}{NARROW}{step}{name}"


def _exponent(value: float, figures: int) -> int:
    """The power of ten of the value as rounded: 999,999 in three figures is 1.00 M, not 1,000 k."""
    return int(f"{value:.{figures - 1}e}".partition("e")[2])


def _minus(text: str) -> str:
    return "−" + text[1:] if text.startswith("-") else text
