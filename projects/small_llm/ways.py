"""Four ways to a verdict on the same reviews: asked plainly, with solved examples, with the adapter, and by BERT."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from projects.sentiment import metrics
from projects.sentiment.charts import dots_with_intervals
from projects.sentiment.data import Reviews, sample
from projects.sentiment.report import read_probabilities
from projects.small_llm.adapter_file import load_adapter
from projects.small_llm.held_out import VERDICTS, load_held_out
from projects.small_llm.judging import few_shot, judge, perplexity
from projects.small_llm.loading import load_halves, load_model, load_words
from projects.small_llm.verdicts import encode

if TYPE_CHECKING:
    from verifolio.record import Run

NAMES = {
    "zero": {"zh": "零样本", "en": "zero-shot"},
    "few": {"zh": "少样本", "en": "few-shot"},
    "lora": {"zh": "手写 LoRA", "en": "LoRA by hand"},
    "bert": {"zh": "BERT（读全文）", "en": "BERT (whole reviews)"},
}


def run_ways(run: Run) -> None:
    """The test reviews of the experiment `lora`, so that its adapter is judged on what it has not seen."""
    params, source = run.params, run.input("smollm2")
    split, tokenizer = load_halves(run.input("imdb"), params["limit"]), load_words(source)
    test = Reviews(split.test.texts, split.test.labels, np.arange(len(split.test)))
    chosen = sample(test, params["test_reviews"], seed=run.seed)
    prompts = [prompt for prompt, _ in encode(tokenizer, chosen, params["words"])]
    verdicts = (tokenizer.encode(VERDICTS[0]).ids[0], tokenizer.encode(VERDICTS[1]).ids[0])
    examples = sample(split.train, params["shots"], seed=run.seed)
    before = tuple(tokenizer.encode(few_shot(examples, params["shot_words"])).ids)
    texts = load_held_out(
        run.input("imdb"), lambda text: tokenizer.encode(text).ids, texts=params["texts"], length=params["length"],
        reviews=0, words=0, seed=run.seed,
    ).texts  # fmt: skip
    model = load_model(source, params["layers"])
    found = {
        "zero": judge(model, prompts, verdicts, run, "zero-shot"),
        "few": judge(model, prompts, verdicts, run, "few-shot", before=before),
    }
    surprised = {"base": perplexity(model, texts)}
    load_adapter(model, run.product_of("lora", "lora/adapter_model.safetensors").parent)
    found["lora"] = judge(model, prompts, verdicts, run, "with the adapter")
    surprised["lora"] = perplexity(model, texts)
    bert = read_probabilities(run.product_of("sentiment.lora", "lora/test.json"))[chosen.rows]
    _record(run, chosen.labels, {way: share for way, (share, _) in found.items()} | {"bert": bert},
            {way: parsed for way, (_, parsed) in found.items()})  # fmt: skip
    run.metric(
        "shots",
        len(examples),
        unit="count",
        label={"zh": "提示词里的例子", "en": "solved examples in the prompt"},
    )
    run.metric(
        "before", len(before), unit="count", label={"zh": "例子的词元数", "en": "tokens of the examples"}
    )
    for key, zh, en in (("base", "未微调", "untouched"), ("lora", "手写 LoRA", "LoRA by hand")):
        run.metric(f"{key}_perplexity", surprised[key], unit="score", better="lower", n=sum(len(ids) - 1 for ids in texts),
                   label={"zh": f"{zh}：留出评论的困惑度", "en": f"perplexity of held-out reviews: {en}"})  # fmt: skip


def _record(run: Run, labels: np.ndarray, positive: dict[str, np.ndarray], parsed: dict[str, float]) -> None:
    n, rows, dots = len(labels), [], []
    right = {way: (share >= 0.5) == (labels == 1) for way, share in positive.items()}
    for way, one in right.items():
        share = float(one.mean())
        low, high = metrics.wilson(share, n)
        run.metric(f"{way}_accuracy", share, unit="ratio", better="higher", n=n, ci=(low, high), ci_method="Wilson 95 %",
                   label={"zh": f"{NAMES[way]['zh']}：准确率", "en": f"accuracy: {NAMES[way]['en']}"})  # fmt: skip
        if way in parsed:
            run.metric(f"{way}_parsed", parsed[way], unit="ratio", better="higher", n=n,
                       label={"zh": f"{NAMES[way]['zh']}：首选词元就是裁决词", "en": f"likeliest token is a verdict: {NAMES[way]['en']}"})  # fmt: skip
        rows.append(
            {"way": NAMES[way], "accuracy": share, "low": low, "high": high, "parsed": parsed.get(way)}
        )
        dots.append(
            {
                "name": f"@{way}",
                "value": 100 * share,
                "low": 100 * low,
                "high": 100 * high,
                "shown": f"{100 * share:.0f}",
            }
        )
    for one, other in (("few", "zero"), ("lora", "few"), ("lora", "bert")):
        gain = 100 * (right[one].astype(float) - right[other].astype(float))
        run.metric(f"{one}_minus_{other}", float(gain.mean()), unit="points", better="higher", n=n, ci=metrics.bootstrap(gain),
                   ci_method="paired bootstrap 95 %",
                   label={"zh": f"{NAMES[one]['zh']}减{NAMES[other]['zh']}", "en": f"{NAMES[one]['en']} minus {NAMES[other]['en']}"})  # fmt: skip
    columns = [{"key": "way", "label": {"zh": "做法", "en": "way"}}]
    columns += [{"key": key, "label": {"zh": zh, "en": en}, "unit": "ratio"} for key, zh, en in (
        ("accuracy", "准确率", "accuracy"), ("low", "区间下限", "interval from"), ("high", "区间上限", "to"),
        ("parsed", "首选词元就是裁决词", "likeliest token is a verdict"))]  # fmt: skip
    run.table("ways", columns=columns, rows=rows)
    run.chart("ways", dots_with_intervals(dots, order=[f"@{way}" for way in right]),
              words={f"@{way}": NAMES[way] for way in right} | {"@value": {"zh": "准确率（%）", "en": "accuracy (%)"}})  # fmt: skip
