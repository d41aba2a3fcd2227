"""Charts: one SVG for light and dark, words in both languages, data as a table."""

from __future__ import annotations

import copy
import re

import pytest

from verifolio.charts import chart_data, draw
from verifolio.errors import AuthorError
from verifolio.results import Chart, read_result


@pytest.fixture(scope="module")
def chart(staged_once) -> Chart:
    return read_result(staged_once / "projects/toy/results/compare.json").charts["accuracy"]


@pytest.fixture(scope="module")
def cache(staged_once):
    return staged_once / "build/cache/charts"


def changed(chart: Chart, **spec) -> Chart:
    return Chart({**copy.deepcopy(chart.spec), **spec}, chart.words)


@pytest.mark.parametrize(("lang", "word"), [("zh", "词表"), ("en", "word lists")])
def test_words_are_those_of_the_language(chart, cache, lang, word):
    svg = draw(chart, lang, cache).wide
    assert f">{word}<" in svg
    assert "@" not in svg


def test_colours_are_variables_that_follow_the_page(chart, cache):
    svg = draw(chart, "en", cache).wide.lower()
    assert "var(--vf-c1)" in svg
    assert "var(--vf-ink)" in svg
    assert not {"#0072b2", "#1a1a1a", "#ffffff", 'fill="white"', "font-family"} & set(svg.split())
    assert "#0072b2" not in svg


def test_series_have_the_same_colours_in_both_languages(tmp_path):
    rows = [
        {"x": x, "y": 10 * row + x, "name": name}
        for row, name in enumerate(("@late", "@early"))
        for x in (0, 1)
    ]
    colour = {"field": "name", "type": "nominal", "title": None}
    encoding = {
        "x": {"field": "x", "type": "quantitative"},
        "y": {"field": "y", "type": "quantitative"},
        "color": colour,
    }
    spec = {"data": {"values": rows}, "mark": "line", "encoding": encoding}
    words = {"@late": {"zh": "甲", "en": "zebra"}, "@early": {"zh": "乙", "en": "ant"}}
    for lang, order in (("zh", ["甲", "乙"]), ("en", ["zebra", "ant"])):
        svg = draw(Chart(spec, words), lang, tmp_path).wide
        assert re.findall(r">(甲|乙|zebra|ant)<", svg) == order  # the legend, where colours are given out
        first = re.search(r'd="M0,(\d+)[^"]*" stroke="var\(--vf-c1\)"', svg)
        assert first, "the first series begins at the bottom, in the first colour"
        assert int(first[1]) > 200


def test_the_axis_of_a_share_ends_at_100_and_has_few_ticks(tmp_path):
    rows = [{"name": "a", "share": 62}, {"name": "b", "share": 99}]
    x = {
        "field": "share",
        "type": "quantitative",
        "title": "right (%)",
        "scale": {"zero": False, "padding": 60},
    }
    spec = {
        "data": {"values": rows},
        "mark": "point",
        "encoding": {"x": x, "y": {"field": "name", "type": "nominal"}},
    }
    labels = [int(one) for one in re.findall(r">(\d+)</text>", draw(Chart(spec, {}), "en", tmp_path).wide)]
    assert max(labels) == 100
    assert len(labels) <= 11
    spec["encoding"]["x"] = {**x, "title": "loss"}
    assert (
        max(int(one) for one in re.findall(r">(\d+)</text>", draw(Chart(spec, {}), "en", tmp_path).wide))
        > 100
    )


def test_two_widths_are_drawn(chart, cache):
    drawing = draw(chart, "en", cache)
    wide, narrow = drawing.wide, drawing.narrow
    assert 'viewBox="0 0 660 ' in wide
    assert 'viewBox="0 0 330 ' in narrow


def test_a_drawing_comes_from_the_cache_the_second_time(chart, tmp_path, monkeypatch):
    first = draw(chart, "en", tmp_path).narrow
    import vl_convert

    monkeypatch.setattr(vl_convert, "vegalite_to_svg", lambda **_: pytest.fail("drawn again"))
    assert draw(chart, "en", tmp_path).narrow == first


def test_ids_of_two_charts_on_a_page_differ(chart, cache):
    clipped = changed(chart, mark={"type": "bar", "clip": True})
    other = changed(chart, mark={"type": "bar", "clip": True, "opacity": 0.5})
    first, second = (draw(one, "en", cache).wide for one in (clipped, other))
    assert 'id="' in first
    assert not set(_ids(first)) & set(_ids(second))


def _ids(svg: str) -> list[str]:
    return [piece.partition('"')[0] for piece in svg.split('id="')[1:]]


def test_the_data_stand_in_a_table_with_the_readers_words(chart):
    assert chart_data(chart, "en") == (
        ["method", "accuracy"], [["always one class", 0.5], ["word lists", 0.75]], False,
    )  # fmt: skip
    assert chart_data(chart, "zh")[1][1] == ["词表", 0.75]


def test_long_data_are_cut_and_say_so(chart):
    values = [{"method": str(number), "accuracy": 0.5} for number in range(400)]
    _, rows, cut = chart_data(changed(chart, data={"values": values}), "en")
    assert (len(rows), cut) == (300, True)


def test_a_chart_without_data_is_refused(chart):
    with pytest.raises(AuthorError, match="carries no data"):
        chart_data(changed(chart, data={"url": "https://example.org/x.csv"}), "en")


def test_a_word_without_translation_is_refused(chart, tmp_path):
    with pytest.raises(AuthorError, match="uses the word @constant but gives no translation"):
        draw(Chart(chart.spec, {}), "en", tmp_path)


def test_a_specification_that_cannot_be_drawn_is_refused(chart, tmp_path):
    with pytest.raises(AuthorError, match="Vega-Lite cannot draw the chart"):
        draw(changed(chart, mark="bra"), "en", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_chart_without_a_finite_size_is_refused(chart, cache):
    empty = changed(
        chart,
        data={"values": []},
        mark="point",
        encoding={
            "x": {"field": "a", "type": "quantitative", "scale": {"zero": False}},
            "y": {"field": "b", "type": "quantitative", "scale": {"zero": False}},
            "shape": {"field": "c", "type": "nominal"},
        },
    )
    with pytest.raises(AuthorError, match="no finite size"):
        draw(empty, "en", cache)


def test_words_in_a_chart_keep_all_their_digits(chart, cache):
    spec = copy.deepcopy(chart.spec)
    for layer in (spec, *spec.get("layer", [])):
        layer.get("encoding", {}).get("y", {}).pop("axis", None)
    words = {key: dict.fromkeys(text, "0.9628") for key, text in chart.words.items()}
    assert ">0.9628<" in draw(Chart(spec, words), "en", cache).wide


def test_a_long_title_below_a_chart_is_folded_for_a_phone_only(chart, cache):
    long = "share of all the words that a list of words knows, with the interval (%)"
    spec = copy.deepcopy(chart.spec)
    for layer in (spec, *spec.get("layer", [])):
        if "x" in layer.get("encoding", {}):
            layer["encoding"]["x"]["title"] = long
    changed = Chart(spec, chart.words)
    assert f">{long}<" in draw(changed, "en", cache).wide
    narrow = draw(changed, "en", cache).narrow
    assert ">share of all the words that a list of words<" in narrow
    assert ">knows, with the interval (%)<" in narrow
    assert long in chart_data(changed, "en")[0]  # and the table is as it was


def test_an_axis_of_thousands_says_three_digits(chart, cache):
    rows = [{**row, "accuracy": 18751} for row in chart.spec["data"]["values"]]
    large = changed(chart, data={"values": rows})
    for channel in large.spec["encoding"].values():
        if channel.get("field") == "accuracy":
            channel["axis"] = {"values": [18751], "format": "~s"}
    drawn = draw(large, "en", cache).wide
    assert "18.8k" in drawn
    assert "18.751k" not in drawn
