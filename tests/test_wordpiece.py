"""The classifier's tokenizer in JavaScript reads text as the one in Python does, id by id."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from projects.sentiment.text import MAX_TOKENS, clean, frame
from verifolio.inputs import resolve_input
from verifolio.portfolio import read_portfolio

ROOT = Path(__file__).parents[1]
ODD = [
    "",
    "a" * 150,
    "A film.<br />Not<BR/>bad…  don't “quote” — it’s £5, 100% naïve",
    "ΣΑΣ ΟΔΟΣ İstanbul ẞtraße ﬁne Ǆ é \u0301x",
    "中文与 English 混排，한국어 ภาษาไทย ひらがな",
    "[SEP] [CLS]x[MASK] [unk]",
    "\u200b\ufeffa\x00b\x1cc\x85d\xa0e\u3000f\ufffdg\tH\r\nI",
    "😀👍🏽 x² ½ ①  $5 = 5^2 ~ `code` | {}[]\\",
]


@pytest.fixture(scope="module")
def encoder() -> Path:
    portfolio = read_portfolio(ROOT)
    return resolve_input(portfolio, portfolio.experiment("sentiment.lora").inputs("laptop")["minilm"])


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """What was recorded, 200 reviews of the whole set, and what no reviewer writes."""
    portfolio = read_portfolio(ROOT)
    imdb = resolve_input(portfolio, portfolio.experiment("sentiment.lora").inputs("laptop")["imdb"])
    recorded = json.loads((ROOT / "projects/sentiment/results/examples.json").read_text("utf-8"))
    rows = recorded["tables"]["recorded"]["rows"]
    with imdb.open(encoding="utf-8", newline="") as stream:
        reviews = [row["text"] for row in csv.DictReader(stream) if row["source"] == "imdb"]
    return [row["text"] for row in rows] + reviews[::125] + ODD


def test_both_tokenizers_give_the_same_ids(new_page, site_server, encoder, texts, tmp_path):
    from tokenizers import Tokenizer

    python = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    python.no_truncation()
    python.no_padding()
    cls_id, sep_id = python.token_to_id("[CLS]"), python.token_to_id("[SEP]")
    encoded = python.encode_batch([clean(text) for text in texts], add_special_tokens=False)
    expected = [frame(one.ids, cls_id, sep_id) for one in encoded]

    shutil.copyfile(ROOT / "demos/classifier/browser/wordpiece.js", tmp_path / "wordpiece.js")
    shutil.copyfile(encoder / "tokenizer.json", tmp_path / "tokenizer.json")
    (tmp_path / "index.html").write_text("<!doctype html><title>ids</title>")
    page = new_page()
    page.goto(site_server(tmp_path))
    found = page.evaluate(
        """async ([texts, most]) => {
            const { WordPiece } = await import("./wordpiece.js")
            const tokenizer = new WordPiece(await (await fetch("tokenizer.json")).json())
            return texts.map(text => tokenizer.frame(text, most))
        }""",
        [texts, MAX_TOKENS],
    )
    differ = [text for text, ours, theirs in zip(texts, found, expected, strict=True) if ours != theirs]
    assert differ == []
    assert max(map(len, found)) == MAX_TOKENS  # some were cut in the middle
