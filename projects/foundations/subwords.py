"""The experiment `tokenizers`: BPE by hand against the library, and what a vocabulary costs other languages."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from projects.foundations.bpe import BPE, BYTES, WORD, Pair, learn_merges
from projects.foundations.hub import load_tokenizer

if TYPE_CHECKING:
    from verifolio.record import Run

VOCABULARIES = {
    "english": {"zh": "只见过英文", "en": "learned from English"},
    "chinese": {"zh": "只见过中文", "en": "learned from Chinese"},
    "both": {"zh": "中英各半", "en": "learned from both"},
}
TEXTS = {"en": {"zh": "英文影评", "en": "English reviews"}, "zh": {"zh": "中文评论", "en": "Chinese reviews"}}


def read_english(path: Path, count: int) -> list[str]:
    """The first `count` IMDB reviews of each class, in turns."""
    sides: dict[str, list[str]] = {}
    csv.field_size_limit(10**9)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["source"] == "imdb":
                sides.setdefault(row["label"], []).append(row["text"].replace("<br />", " "))
    return [text for pair in zip(*sides.values(), strict=False) for text in pair][:count]


def read_chinese(folder: Path, count: int) -> list[str]:
    """The first different Chinese reviews, in turns of negative and positive."""
    sides = [(folder / name).read_text(encoding="utf-8").splitlines() for name in ("neg.txt", "pos.txt")]
    return list(dict.fromkeys(t for pair in zip(*sides, strict=False) for t in pair if t.strip()))[:count]


def learn_with_library(texts: list[str], count: int) -> tuple[Any, list[Pair]]:
    """The same training by `tokenizers`: its tokenizer, and its merges as pairs of ids."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(WORD.pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=len(BYTES) + count, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return tokenizer, [(model["vocab"][a], model["vocab"][b]) for a, b in model["merges"]]


def run_tokenizers(run: Run) -> None:
    """Equal merges and encodings, tokens per character by vocabulary, and one sentence in eight languages."""
    p = run.params
    texts = {
        "en": read_english(run.input("imdb"), p["reviews"] + p["held_out"]),
        "zh": read_chinese(run.input("zh_reviews"), 6 * p["reviews"] + p["held_out"]),
    }
    learn, held = {}, {}
    for lang, all_texts in texts.items():
        held[lang], rest = all_texts[: p["held_out"]], all_texts[p["held_out"] :]
        learn[lang] = _of_size(rest, p["characters"])
    started = time.perf_counter()
    merges = learn_merges(learn["en"], p["merges"])
    by_hand = time.perf_counter() - started
    started = time.perf_counter()
    library, theirs = learn_with_library(learn["en"], p["merges"])
    by_library = time.perf_counter() - started
    english = BPE(merges)
    _record_parity(run, english, merges, library, theirs, held["en"], (by_hand, by_library))
    half = [_of_size(learn[lang], p["characters"] // 2) for lang in ("en", "zh")]
    vocabularies = {
        "english": english,
        "chinese": BPE(learn_merges(learn["zh"], p["merges"])),
        "both": BPE(learn_merges([*half[0], *half[1]], p["merges"])),
    }
    _record_costs(run, vocabularies, held)
    _record_languages(run, english, load_tokenizer(run.input("smollm2")))


def _of_size(texts: list[str], characters: int) -> list[str]:
    """The first texts that together hold about so many characters."""
    ends = np.cumsum([len(text) for text in texts])
    return texts[: int(np.searchsorted(ends, characters)) + 1]


def _record_parity(
    run: Run,
    mine: BPE,
    merges: list[Pair],
    library: Any,
    theirs: list[Pair],
    held: list[str],
    seconds: tuple[float, float],
) -> None:
    equal = next(
        (n for n, (a, b) in enumerate(zip(merges, theirs, strict=False)) if a != b),
        min(len(merges), len(theirs)),
    )
    same = sum(mine.encode(text) == library.encode(text).ids for text in held)
    whole = sum(mine.decode(mine.encode(text)) == text for text in held)
    counts = {
        "merges": (len(merges), "学到的合并", "merges learned"),
        "equal_merges": (
            equal,
            "与库相同的合并（从头数起）",
            "merges equal to the library's, from the first on",
        ),
        "held_out": (len(held), "用来核对的影评", "reviews compared"),
        "equal_encodings": (same, "编码与库完全相同的影评", "reviews encoded exactly as by the library"),
        "round_trips": (whole, "解码后还原的影评", "reviews that decode to themselves"),
    }
    for key, (value, zh, en) in counts.items():
        run.metric(key, value, unit="count", label={"zh": zh, "en": en})
    run.metric(
        "hand_seconds",
        seconds[0],
        unit="seconds",
        better="lower",
        label={"zh": "手写训练用时", "en": "training by hand"},
    )
    run.metric(
        "library_seconds",
        seconds[1],
        unit="seconds",
        better="lower",
        label={"zh": "库训练用时", "en": "training by the library"},
    )
    rows = [
        {"merge": str(n + 1), "first": _shown(mine.tokens[a]), "second": _shown(mine.tokens[b]), "token": _shown(mine.tokens[256 + n])}
        for n, (a, b) in enumerate(merges) if n < 8 or n in (len(merges) // 2, len(merges) - 1)
    ]  # fmt: skip
    run.table("first_merges", columns=[
        {"key": "merge", "label": {"zh": "第几次", "en": "merge"}}, {"key": "first", "label": {"zh": "左", "en": "left"}},
        {"key": "second", "label": {"zh": "右", "en": "right"}}, {"key": "token", "label": {"zh": "得到的词元", "en": "new token"}},
    ], rows=rows)  # fmt: skip


def _record_costs(run: Run, vocabularies: dict[str, BPE], held: dict[str, list[str]]) -> None:
    """Tokens per character on held-out reviews, with intervals over reviews."""
    rows, bars = [], []
    for name, bpe in vocabularies.items():
        row: dict[str, Any] = {"vocabulary": VOCABULARIES[name]}
        for lang, texts in held.items():
            tokens = np.array([len(bpe.encode(text)) for text in texts])
            characters = np.array([len(text) for text in texts])
            draw = np.random.default_rng(0).integers(0, len(texts), (1000, len(texts)))
            low, high = np.percentile(tokens[draw].sum(1) / characters[draw].sum(1), [2.5, 97.5])
            share = tokens.sum() / characters.sum()
            run.metric(f"{name}_{lang}", share, unit="score", better="lower", n=len(texts), ci=(low, high), ci_method="bootstrap 95 % (reviews)",
                       label={"zh": f"词表{VOCABULARIES[name]['zh']}：{TEXTS[lang]['zh']}每个字符的词元数",
                              "en": f"vocabulary {VOCABULARIES[name]['en']}: tokens per character of {TEXTS[lang]['en']}"})  # fmt: skip
            row[lang] = share
            bars.append({"vocabulary": f"@{name}", "text": f"@{lang}", "tokens": round(float(share), 3)})
        rows.append(row)
    run.table("costs", columns=[
        {"key": "vocabulary", "label": {"zh": "词表", "en": "vocabulary"}},
        *({"key": lang, "label": {"zh": f"{w['zh']}：词元/字符", "en": f"{w['en']}: tokens per character"}, "unit": "score"} for lang, w in TEXTS.items()),
    ], rows=rows)  # fmt: skip
    words = {f"@{k}": v for k, v in (VOCABULARIES | TEXTS).items()} | {
        "@tokens": {"zh": "每个字符的词元数", "en": "tokens per character"}
    }
    run.chart("costs", {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json", "width": "container", "height": {"step": 22},
        "data": {"values": bars}, "mark": {"type": "bar"},
        "encoding": {
            "y": {"field": "vocabulary", "type": "nominal", "sort": None, "title": None},
            "yOffset": {"field": "text", "sort": None},
            "x": {"field": "tokens", "type": "quantitative", "title": "@tokens"},
            "color": {"field": "text", "type": "nominal", "sort": None, "title": None},
        }}, words=words)  # fmt: skip


def _record_languages(run: Run, english: BPE, smollm: Any) -> None:
    """Tokens of the same article of law in each language."""
    languages = yaml.safe_load((run.root / "projects/foundations/languages.yml").read_text(encoding="utf-8"))
    rows = []
    for code, entry in languages.items():
        text = entry["text"]
        found = {
            "ours": len(english.encode(text)),
            "smollm": len(smollm(text, add_special_tokens=False)["input_ids"]),
        }
        rows.append(
            {"language": entry["name"], "characters": len(text), "bytes": len(text.encode()), **found}
        )
        if code in ("en", "zh"):
            for key, value in found.items():
                run.metric(f"article_{code}_{key}", value, unit="count", better="lower",
                           label={"zh": f"第一条，{entry['name']['zh']}，{'我们的英文词表' if key == 'ours' else 'SmolLM2 的词表'}",
                                  "en": f"article 1 in {entry['name']['en']}, {'our English vocabulary' if key == 'ours' else 'the vocabulary of SmolLM2'}"})  # fmt: skip
    run.metric(
        "smollm_words",
        len(smollm),
        unit="count",
        label={"zh": "SmolLM2 的词表大小", "en": "vocabulary of SmolLM2"},
    )
    run.table("languages", columns=[
        {"key": "language", "label": {"zh": "语言", "en": "language"}},
        {"key": "characters", "label": {"zh": "字符", "en": "characters"}, "unit": "count"},
        {"key": "bytes", "label": {"zh": "字节", "en": "bytes in UTF-8"}, "unit": "count"},
        {"key": "ours", "label": {"zh": "词元（我们的英文词表）", "en": "tokens, our English vocabulary"}, "unit": "count"},
        {"key": "smollm", "label": {"zh": "词元（SmolLM2）", "en": "tokens, SmolLM2"}, "unit": "count"},
    ], rows=rows)  # fmt: skip


def _shown(token: bytes) -> str:
    return token.decode("utf-8", errors="replace").replace(" ", "␣")
