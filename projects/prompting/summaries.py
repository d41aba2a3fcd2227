"""Experiment: tight summaries of long articles: is the length kept, are the facts, is anything made up?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from projects.prompting.ask import Asks, embedded, user
from projects.prompting.charts import record_dots
from projects.prompting.documents import SOURCES, read_article
from projects.prompting.scoring import kept, supported, word_count
from projects.prompting.tables import column, record_mean, record_points, record_share
from projects.sentiment.data import load_reviews

if TYPE_CHECKING:
    from verifolio.record import Run

ARTICLES = Path(__file__).with_name("articles.yml")
LIMIT = 40  # words asked for
PART = 48  # tokens of a part's summary at most
NAMES = {
    "lead": {"zh": "不用模型：照抄开头", "en": "no model: the first words"},
    "direct": {"zh": "直接要摘要", "en": "just ask"},
    "limited": {"zh": "写明字数上限", "en": "with a limit"},
    "extract": {"zh": "先列要点，再压缩", "en": "list facts, then compress"},
    "mapreduce": {"zh": "分段摘要，再合并", "en": "summarise parts, then merge"},
}


def lead(asker: Asks, article: str, most: int) -> str:
    """The first words of the article: what any summary has to beat."""
    return " ".join(article.split()[:LIMIT])


def direct(asker: Asks, article: str, most: int) -> str:
    """No word about length."""
    return asker.ask(user(f"{article}\n\nSummarise the text above."), max_tokens=most).text


def limited(asker: Asks, article: str, most: int) -> str:
    """The limit in the instruction."""
    return asker.ask(
        user(f"{article}\n\nSummarise the text above in one sentence of at most {LIMIT} words."),
        max_tokens=most,
    ).text


def extract(asker: Asks, article: str, most: int) -> str:
    """First the facts as a list, then one sentence from the list alone."""
    facts = asker.ask(
        user(f"{article}\n\nList the five most important facts of the text above, with numbers and names."),
        max_tokens=most,
    ).text
    return asker.ask(
        user(f"{facts}\n\nSummarise these facts in one sentence of at most {LIMIT} words."), max_tokens=most
    ).text


def mapreduce(asker: Asks, article: str, most: int) -> str:
    """Each third alone, then one sentence from the three."""
    parts = [
        asker.ask(
            user(f"{part}\n\nSummarise the text above in one sentence."), max_tokens=min(PART, most)
        ).text
        for part in thirds(article)
    ]
    joined = "\n".join(parts)
    return asker.ask(
        user(f"{joined}\n\nSummarise the text above in one sentence of at most {LIMIT} words."),
        max_tokens=most,
    ).text


def thirds(article: str) -> list[str]:
    """Three parts of about as many words."""
    words = article.split()
    size = -(-len(words) // 3)
    return [" ".join(words[first : first + size]) for first in range(0, len(words), size)]


STRATEGIES: dict[str, Callable[[Asks, str, int], str]] = {
    "lead": lead, "direct": direct, "limited": limited, "extract": extract, "mapreduce": mapreduce,
}  # fmt: skip


def load_articles(root: Path, imdb: Path) -> list[tuple[str, str, list[str]]]:
    """Name, text and key facts of each article; the facts are checked to stand in the text."""
    texts = load_reviews(imdb).texts
    found = []
    for entry in yaml.safe_load(ARTICLES.read_text("utf-8")):
        if "document" in entry:
            name, text = entry["document"], read_article(root / SOURCES / f"{entry['document']}.md")
        else:
            name, text = f"imdb {entry['review']}", texts[entry["review"]]
        missing = [
            fact for fact, there in zip(entry["facts"], kept(text, entry["facts"]), strict=True) if not there
        ]
        if missing:
            raise ValueError(f"{ARTICLES.name}: {name} does not hold the facts {missing}: correct them there")
        found.append((name, text, entry["facts"]))
    return found


def run_summaries(run: Run) -> None:
    """Ask the embedded model."""
    with embedded(run) as asker:
        measure_summaries(run, asker)


def measure_summaries(run: Run, asker: Asks) -> None:
    """Every strategy on every article."""
    articles = [
        (name, " ".join(text.split()[: run.params["words"]]) if run.params["words"] else text, facts)
        for name, text, facts in load_articles(run.root, run.input("imdb"))[: run.params["articles"] or None]
    ]
    made: dict[str, list[str]] = {key: [] for key in STRATEGIES}
    for number, (_name, text, _facts) in enumerate(articles):
        for key, strategy in STRATEGIES.items():
            made[key].append(strategy(asker, text, run.params["tokens"]))
        run.progress(number + 1, len(articles), "articles")
    run.metric(
        "limit", LIMIT, unit="count", label={"zh": "要求的词数上限", "en": "words asked for at most"}
    )  # fmt: skip
    run.metric(
        "article_words", float(np.mean([word_count(text) for _, text, _ in articles])), unit="count",
        n=len(articles), label={"zh": "文章平均词数", "en": "words of an article, mean"},
    )  # fmt: skip
    scores = {key: [_score(summary, *article[1:]) for summary, article in zip(found, articles, strict=True)]
              for key, found in made.items()}  # fmt: skip
    rows = []
    for key, name in NAMES.items():
        one = {
            field: np.array([score[field] for score in scores[key]], dtype=float) for field in scores[key][0]
        }
        record_mean(
            run, f"{key}_words", one["words"], f"词数：{name['zh']}", f"words: {name['en']}", unit="count"
        )
        record_mean(
            run, f"{key}_kept", one["kept"], f"保住的要点：{name['zh']}", f"key facts kept: {name['en']}"
        )
        record_share(
            run, f"{key}_within", one["within"], f"没有超长：{name['zh']}", f"within the limit: {name['en']}"
        )
        good, total = int(one["good"].sum()), int(one["named"].sum())
        rows.append({"strategy": name, "words": float(one["words"].mean()), "within": float(one["within"].mean()),
                     "kept": float(one["kept"].mean()), "supported": good / total if total else None,
                     "named": total})  # fmt: skip
    run.table(
        "strategies",
        columns=[
            column("strategy", "做法", "strategy"), column("words", "平均词数", "words, mean", "count"),
            column("within", "没有超长", "within the limit", "ratio"),
            column("kept", "保住的要点", "key facts kept", "ratio"),
            column("supported", "数字与名字有出处", "numbers and names found in the source", "ratio"),
            column("named", "不同的数字与名字", "different numbers and names", "count"),
        ],
        rows=rows,
    )  # fmt: skip
    for key in ("direct", "limited", "extract", "mapreduce"):
        gap = [a["kept"] - b["kept"] for a, b in zip(scores[key], scores["lead"], strict=True)]
        record_points(run, f"{key}_minus_lead", np.array(gap), f"保住的要点：{NAMES[key]['zh']}，比照抄开头",
                      f"key facts kept: {NAMES[key]['en']}, minus the first words")  # fmt: skip
    _record_examples(run, articles, made)
    shares = {key: np.array([one["kept"] for one in scores[key]]) for key in NAMES}
    record_dots(run, "kept", shares, NAMES, "保住的要点（%）", "key facts kept (%)")


def _score(summary: str, article: str, facts: Sequence[str]) -> dict[str, float]:
    good, named = supported(summary, article)
    words = word_count(summary)
    return {"words": words, "within": words <= LIMIT, "kept": float(np.mean(kept(summary, facts))),
            "good": good, "named": named}  # fmt: skip


def _record_examples(run: Run, articles: Sequence[Any], made: dict[str, list[str]]) -> None:
    """What was written about the first review, else about the first article."""
    at = next((i for i, article in enumerate(articles) if article[0].startswith("imdb")), 0)
    run.table(
        "examples",
        columns=[column("strategy", "做法", "strategy"), column("summary", "摘要", "summary")],
        rows=[
            {"strategy": NAMES[key], "summary": " ".join(found[at].split())[:420]}
            for key, found in made.items()
        ],
    )
