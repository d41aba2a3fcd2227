"""Experiment: how many examples, which ones and in what order; and what more context does to the same question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.prompting.ask import Asks, embedded
from projects.prompting.reviews import Pool, ending, load_pool
from projects.prompting.scoring import LABELS, label_said
from projects.prompting.tables import column, dot, record_points, record_share
from projects.sentiment.data import Reviews
from projects.sentiment.metrics import bootstrap, wilson
from projects.sentiment.plots import named_dots

if TYPE_CHECKING:
    from verifolio.record import Run

SYSTEM = "Classify the sentiment of the film review as positive or negative. Answer with one word."
RICH = (
    "You read film reviews. A review is positive if its writer would recommend the film, and negative if not. "
    "Ignore the plot; look for judgements such as ‘a waste of time’ or ‘worth seeing’. "
    "Answer with one word, positive or negative."
)
MOST = 32  # tokens of a reply: room for a sentence around the label
IRRELEVANT = (
    "The first public film screening took place in Paris in 1895. Cinemas sell popcorn. "
    "Classify the sentiment of the film review as positive or negative. Answer with one word."
)


@dataclass(frozen=True)
class Setting:
    """One way to ask: which examples (positions in the pool) in which order, which instruction, how much text."""

    name: str
    examples: tuple[int, ...] = ()
    system: str = SYSTEM
    words: int = 0


def run_fewshot(run: Run) -> None:
    """Ask the embedded model."""
    with embedded(run) as asker:
        measure_fewshot(run, asker)


def measure_fewshot(run: Run, asker: Asks) -> None:
    """Ask about the same reviews under every setting; all differences are paired, review by review."""
    params = run.params
    pool = load_pool(run.input("imdb"), asked=params["reviews"], shown=params["pool"], seed=run.seed)
    counts = draw_examples(pool.shown, params["counts"], params["seeds"])
    orders = orders_of(pool.shown, params["order_of"])
    contexts = [
        Setting("rich", system=RICH),
        Setting("irrelevant", system=IRRELEVANT),
        *(Setting(f"words{words}", words=words) for words in params["context_words"]),
    ]
    said, cut = {}, {}
    for setting in [Setting("zero"), *counts, *orders, *contexts]:
        said[setting.name], cut[setting.name] = ask_all(asker, pool, setting, params["words"])
        run.progress(len(said), 1 + len(counts) + len(orders) + len(contexts), "settings")
    labels = pool.asked.labels
    right = {name: replies == labels for name, replies in said.items()}  # an unreadable reply, -1, is wrong
    _record_counts(run, right, said, counts, params)
    _record_orders(run, right, said, orders)
    _record_contexts(run, right, said, cut, contexts)


def ask_all(asker: Asks, pool: Pool, setting: Setting, words: int) -> tuple[np.ndarray, np.ndarray]:
    """(n,) the label that was said about each review: 0, 1, or -1 for none or both; and (n,) whether the reply was cut off."""
    found, cut = [], []
    for text in pool.asked.texts:
        messages = conversation(pool.shown, setting, ending(text, setting.words or words), words)
        reply = asker.ask(messages, max_tokens=MOST)
        label = label_said(reply.text)
        found.append(-1 if label is None else label)
        cut.append(reply.finish == "length")
    return np.array(found), np.array(cut)


def conversation(shown: Reviews, setting: Setting, asked: str, words: int) -> list[dict[str, str]]:
    """Instruction, examples as turns of a chat, then the review that is asked about."""
    messages = [{"role": "system", "content": setting.system}]
    for i in setting.examples:
        messages.append({"role": "user", "content": f"Review: {ending(shown.texts[i], words)}\nSentiment:"})
        messages.append({"role": "assistant", "content": LABELS[int(shown.labels[i])]})
    return [*messages, {"role": "user", "content": f"Review: {asked}\nSentiment:"}]


def draw_examples(shown: Reviews, counts: Sequence[int], seeds: int) -> list[Setting]:
    """For each count and seed as many examples of either class, drawn and ordered by chance."""
    settings = []
    for count in counts:
        for seed in range(seeds):
            draw = np.random.default_rng([seed, count])
            halves = [draw.permutation(np.flatnonzero(shown.labels == c))[: count // 2] for c in (0, 1)]
            chosen = draw.permutation(np.concatenate(halves))
            settings.append(Setting(f"k{count}s{seed}", tuple(int(i) for i in chosen)))
    return settings


def orders_of(shown: Reviews, count: int) -> list[Setting]:
    """The same examples four times: the classes grouped one way or the other, or alternating."""
    bad = [int(i) for i in np.flatnonzero(shown.labels == 0)[: count // 2]]
    good = [int(i) for i in np.flatnonzero(shown.labels == 1)[: count // 2]]
    return [
        Setting("negatives last", (*good, *bad)),
        Setting("positives last", (*bad, *good)),
        Setting("alternating, negative last", tuple(i for pair in zip(good, bad, strict=True) for i in pair)),
        Setting("alternating, positive last", tuple(i for pair in zip(bad, good, strict=True) for i in pair)),
    ]


# -- recording ------------------------------------------------------------------------------------

COLUMNS = [
    column("examples", "例子数", "examples", "count"),
    column("accuracy", "准确率", "accuracy", "ratio"),
    column("low", "区间下限", "interval from", "ratio"),
    column("high", "区间上限", "to", "ratio"),
    column("says_positive", "答“正面”的比例", "says positive", "ratio"),
    column("unreadable", "无法解析", "unreadable", "ratio"),
]
ORDERS = {
    "negatives last": {"zh": "正面在前，负面在后", "en": "positives first, negatives last"},
    "positives last": {"zh": "负面在前，正面在后", "en": "negatives first, positives last"},
    "alternating, negative last": {"zh": "交替，以负面结尾", "en": "alternating, a negative last"},
    "alternating, positive last": {"zh": "交替，以正面结尾", "en": "alternating, a positive last"},
}


def _row(right: np.ndarray, said: np.ndarray) -> dict[str, Any]:
    low, high = wilson(float(right.mean()), len(right))
    return {
        "accuracy": float(right.mean()),
        "low": low,
        "high": high,
        "says_positive": float((said == 1).mean()),
        "unreadable": float((said < 0).mean()),
    }


def _record_counts(run: Run, right, said, counts: list[Setting], params: dict[str, Any]) -> None:
    """One row a draw of examples, and a mean over draws for each number of examples."""
    draws = {"zh": "第 {} 次抽取", "en": "draw {}"}
    rows = [
        {"setting": {"zh": "零样本", "en": "zero-shot"}, "examples": 0, **_row(right["zero"], said["zero"])}
    ]
    for setting in counts:
        count, seed = setting.name[1:].split("s")
        name = {"zh": f"{count} 例，" + draws["zh"].format(int(seed) + 1),
                "en": f"{count} examples, " + draws["en"].format(int(seed) + 1)}  # fmt: skip
        rows.append(
            {"setting": name, "examples": int(count), **_row(right[setting.name], said[setting.name])}
        )
    run.table("counts", columns=[column("setting", "设置", "setting"), *COLUMNS], rows=rows)
    record_share(run, "zero_accuracy", right["zero"], "零样本准确率", "zero-shot accuracy")
    run.metric(
        "zero_says_positive", float((said["zero"] == 1).mean()), unit="ratio", n=len(right["zero"]),
        label={"zh": "零样本时答“正面”的比例", "en": "share of ‘positive’ among zero-shot replies"},
    )  # fmt: skip
    for count in params["counts"]:
        names = [one.name for one in counts if one.name.startswith(f"k{count}s")]
        mean = np.mean(
            [right[name] for name in names], axis=0
        )  # (n,) share of draws that were right on a review
        run.metric(
            f"k{count}_accuracy", float(mean.mean()), unit="ratio", better="higher", n=len(mean),
            ci=bootstrap(mean), ci_method="bootstrap over reviews, 95 %",
            label={"zh": f"{count} 例准确率（各次抽取平均）", "en": f"accuracy with {count} examples, mean of draws"},
        )  # fmt: skip
        record_points(
            run,
            f"k{count}_gain",
            mean - right["zero"],
            f"{count} 例相对零样本",
            f"{count} examples minus zero-shot",
        )
        shares = [float(right[name].mean()) for name in names]
        run.metric(
            f"k{count}_spread", 100 * (max(shares) - min(shares)), unit="points", better="lower", n=len(names),
            label={"zh": f"{count} 例：换一组例子，准确率最多差", "en": f"{count} examples: best minus worst draw"},
        )  # fmt: skip
    run.metric(
        "reviews", len(right["zero"]), unit="count", label={"zh": "每种设置问的影评数", "en": "reviews asked about in each setting"}
    )  # fmt: skip


def _record_orders(run: Run, right, said, orders: list[Setting]) -> None:
    rows, dots = [], []
    for setting in orders:
        name = ORDERS[setting.name]
        rows.append(
            {
                "order": name,
                "examples": len(setting.examples),
                **_row(right[setting.name], said[setting.name]),
            }
        )
    shares = {one.name: float(right[one.name].mean()) for one in orders}
    best, worst = max(shares, key=shares.__getitem__), min(shares, key=shares.__getitem__)
    run.table("orders", columns=[column("order", "顺序", "order"), *COLUMNS], rows=rows)
    record_points(
        run, "order_spread", right[best].astype(float) - right[worst], "同样的例子，最好与最差的顺序之差",
        "same examples, best order minus worst",
    )  # fmt: skip
    negative, positive = said["negatives last"], said["positives last"]
    record_points(
        run, "recency", (positive == 1).astype(float) - (negative == 1), "以正面结尾时多答“正面”",
        "more ‘positive’ when positives come last",
    )  # fmt: skip
    words = {
        "@zero": {"zh": "零样本", "en": "zero-shot"},
        "@value": {"zh": "准确率（%）", "en": "accuracy (%)"},
    }
    dots.append(dot("@zero", right["zero"]))
    for number, setting in enumerate(orders):
        words[f"@o{number}"] = ORDERS[setting.name]
        dots.append(dot(f"@o{number}", right[setting.name]))
    run.chart("orders", named_dots(dots, order=[one["name"] for one in dots]), words=words)


def _record_contexts(run: Run, right, said, cut, contexts: list[Setting]) -> None:
    names = {
        "zero": {"zh": "只有指令", "en": "instruction only"},
        "rich": {"zh": "加上标准的说明", "en": "with the criteria explained"},
        "irrelevant": {"zh": "加上无关的话", "en": "with irrelevant sentences"},
    }
    for one in contexts:
        if one.words:
            names[one.name] = {
                "zh": f"只有指令，影评末 {one.words} 词",
                "en": f"instruction only, last {one.words} words",
            }
    rows = []
    for key, name in names.items():
        rows.append({"context": name, **_row(right[key], said[key]), "cut": float(cut[key].mean())})
        run.metric(f"{key}_unreadable", int((said[key] < 0).sum()), unit="count", better="lower", n=len(said[key]),
                   label={"zh": f"{name['zh']}：无法解析的回答", "en": f"{name['en']}: replies that cannot be read"})  # fmt: skip
        if key != "zero":
            record_points(run, f"{key}_gain", right[key].astype(float) - right["zero"], f"{name['zh']}：相对只有指令",
                          f"{name['en']}, minus instruction only")  # fmt: skip
    cut_off = column("cut", "到上限被截断", "cut off", "ratio")
    run.table("contexts", columns=[column("context", "上下文", "context"), *COLUMNS[1:], cut_off], rows=rows)
