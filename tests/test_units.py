"""Values as readers of both languages see them."""

from __future__ import annotations

import pytest

from verifolio.units import UNITS, format_interval, format_value

SHOWN = [
    # value, unit, options, zh, en
    (0.912, "ratio", {}, "91.2 %", "91.2 %"),
    (0.9126, "ratio", {"digits": 2}, "91.26 %", "91.26 %"),
    (0.9126, "ratio", {"digits": 0}, "91 %", "91 %"),
    (-0.004, "ratio", {}, "−0.4 %", "−0.4 %"),
    (3.25, "points", {"sign": True}, "+3.2 个百分点", "+3.2 points"),
    (-3.25, "points", {"sign": True}, "−3.2 个百分点", "−3.2 points"),
    (25000, "count", {}, "25,000", "25,000"),
    (9_999, "parameters", {}, "9,999 参数", "9,999 parameters"),
    (99_996_000, "parameters", {}, "1.00 亿参数", "100 M parameters"),
    (4, "parameters", {}, "4 参数", "4 parameters"),
    (1_310_000, "parameters", {}, "131 万参数", "1.31 M parameters"),
    (134_515_008, "parameters", {"digits": 1}, "1.3 亿参数", "134.5 M parameters"),
    (23_400_000, "bytes", {}, "23.4 MB", "23.4 MB"),
    (812, "bytes", {}, "812 B", "812 B"),
    (0.0734, "seconds", {}, "0.0734 秒", "0.0734 s"),
    (12.3, "seconds", {}, "12.3 秒", "12.3 s"),
    (0.00042, "seconds", {}, "420 微秒", "420 µs"),
    (0.00000341, "seconds", {}, "3.41 微秒", "3.41 µs"),
    (150, "seconds", {}, "2.50 分钟", "2.50 min"),
    (5400, "seconds", {}, "1.50 小时", "1.50 h"),
    (71.25, "milliseconds", {}, "71.2 毫秒", "71.2 ms"),
    (36.44, "items_per_s", {}, "36.4 条/秒", "36.4 items/s"),
    (134.0, "tokens_per_s", {}, "134 词元/秒", "134 tokens/s"),
    (0.25, "nats", {}, "0.250 nat", "0.250 nats"),
    (0.8765, "score", {}, "0.876", "0.876"),
    (1.9, "times", {}, "1.9 倍", "1.9×"),
    (0, "seconds", {}, "0 秒", "0 s"),
]


@pytest.mark.parametrize(("value", "unit", "options", "zh", "en"), SHOWN)
def test_a_value_is_shown_in_its_unit_and_language(value, unit, options, zh, en):
    shown = [format_value(value, unit, lang, **options).replace("\u202f", " ") for lang in ("zh", "en")]
    assert shown == [zh, en]


def test_number_and_unit_stay_on_one_line():
    assert format_value(1_310_000, "parameters", "zh") == "131\u202f万参数"


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.9996, "milliseconds", "1.00 ms"),
        (99.96, "milliseconds", "100 ms"),
        (999_999, "parameters", "1.00 M parameters"),
        (999_600_000, "parameters", "1.00 G parameters"),
        (999_400, "parameters", "999 k parameters"),
        (999.96, "bytes", "1.00 kB"),
    ],
)
def test_rounding_up_moves_on_to_the_next_power(value, unit, shown):
    assert format_value(value, unit, "en").replace("\u202f", " ") == shown


@pytest.mark.parametrize(
    ("low", "high", "unit", "shown"),
    [
        (0.904, 0.92, "ratio", "90.4–92.0 %"),
        (1.2, 1.4, "times", "1.2–1.4×"),
        (1_000_000, 2_000_000, "parameters", "1.00 M parameters – 2.00 M parameters"),
        (59.0, 61.0, "seconds", "59.0 s – 61.0 s"),
    ],
)
def test_an_interval_names_its_unit(low, high, unit, shown):
    assert format_interval(low, high, unit, "en").replace("\u202f", " ") == shown


def test_the_list_of_units_is_closed():
    assert sorted(UNITS) == [
        "bytes", "count", "items_per_s", "milliseconds", "nats", "parameters", "points", "ratio",
        "score", "seconds", "times", "tokens_per_s",
    ]  # fmt: skip
