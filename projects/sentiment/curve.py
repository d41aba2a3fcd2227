"""Learning curve: how accuracy grows with the number of training reviews, LoRA against TF-IDF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from projects.sentiment import report
from projects.sentiment.adapters import build_lora
from projects.sentiment.baseline import fit_tfidf
from projects.sentiment.data import load_split, sample
from projects.sentiment.encoder import (
    compute_in_bf16,
    encode_reviews,
    load_encoder,
    positive_share,
    predict,
)
from projects.sentiment.metrics import accuracy, wilson
from projects.sentiment.plots import named_lines
from projects.sentiment.training import train

if TYPE_CHECKING:
    from verifolio.record import Run


def run_curve(run: Run) -> None:
    """Train on ever more reviews; the last point is the full training set, from the other experiments."""
    params, path = run.params, run.input("minilm")
    split = load_split(run.input("imdb"), limit=params["limit"])
    test_ids = encode_reviews(path, split.test.texts, params["max_tokens"])
    rows, chart_rows = [], []
    for size in params["sizes"]:
        few = sample(split.train, size, seed=run.seed)
        words = fit_tfidf(few, strength=params["strength"], min_df=1)
        tfidf = accuracy(split.test.labels, words.predict_proba(split.test.texts)[:, 1])
        model = build_lora(load_encoder(path, seed=run.seed), rank=params["rank"], alpha=params["alpha"])
        compute_in_bf16(model, dropout=params["dropout"])
        run.say(f"LoRA on {size} reviews")
        train(
            model,
            encode_reviews(path, few.texts, params["max_tokens"]),
            few.labels,
            work=run.work / str(size),
            learning_rate=params["learning_rate"],
            epochs=max(1, min(params["most_epochs"], round(params["least_steps"] * params["batch"] / size))),
            batch=params["batch"],
            smoothing=params["smoothing"],
            seed=run.seed,
            tell=run.progress,
        )
        positive = positive_share(predict(model, test_ids))
        lora = accuracy(split.test.labels, positive)
        report.write_probabilities(run.product("curve/test.json"), positive)  # the largest size stays
        rows.append({"size": size, "lora": lora, "tfidf": tfidf})
        run.say(f"{size} reviews: LoRA {lora:.3f}, TF-IDF {tfidf:.3f}")
    whole = {key: run.result_of(key).metrics["accuracy"].value for key in ("lora", "tfidf")}
    rows.append({"size": len(split.train), **whole})
    n = len(split.test)
    for row in rows:
        for key in ("lora", "tfidf"):
            low, high = wilson(row[key], n)
            chart_rows.append(
                {
                    "name": f"@{key}",
                    "x": row["size"],
                    "y": round(100 * row[key], 2),
                    "low": round(100 * low, 2),
                    "high": round(100 * high, 2),
                }
            )
    run.table(
        "sizes",
        columns=[
            {"key": "reviews", "label": {"zh": "训练评论数", "en": "training reviews"}},
            {"key": "lora", "label": {"zh": "LoRA 准确率", "en": "LoRA accuracy"}, "unit": "ratio"},
            {"key": "tfidf", "label": {"zh": "TF-IDF 准确率", "en": "TF-IDF accuracy"}, "unit": "ratio"},
        ],
        rows=[{"reviews": str(r["size"]), "lora": r["lora"], "tfidf": r["tfidf"]} for r in rows],
    )
    ahead = [row["size"] for row in rows if row["lora"] > row["tfidf"]]
    run.metric(
        "lora_ahead_from", min(ahead) if ahead else 0, unit="count",
        label={"zh": "LoRA 领先所需的最少评论数", "en": "fewest reviews with which LoRA leads"},
    )  # fmt: skip
    run.metric(
        "smallest_lora", rows[0]["lora"], unit="ratio", better="higher", n=n,
        ci=wilson(rows[0]["lora"], n), ci_method="Wilson 95 %",
        label={"zh": "最少数据时 LoRA 的准确率", "en": "LoRA's accuracy with the fewest reviews"},
    )  # fmt: skip
    run.metric(
        "smallest_size", rows[0]["size"], unit="count",
        label={"zh": "最少的训练评论数", "en": "fewest training reviews tried"},
    )  # fmt: skip
    run.chart(
        "curve",
        named_lines(chart_rows, log_x=True, band=True),
        words={
            "@x": {"zh": "训练评论数（对数轴）", "en": "training reviews (log scale)"},
            "@y": {"zh": "准确率（%）", "en": "accuracy (%)"},
            "@lora": {"zh": "LoRA", "en": "LoRA"},
            "@tfidf": {"zh": "TF-IDF", "en": "TF-IDF"},
        },
    )
