"""The experiment `generation`: Transformers' text generation on SmolLM2, one decoding strategy after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from projects.foundations import diversity
from projects.foundations.hub import load_model, load_tokenizer
from projects.foundations.subwords import read_english

if TYPE_CHECKING:
    from verifolio.record import Run

STRATEGIES: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "greedy": ({"zh": "贪心", "en": "greedy"}, {"do_sample": False}),
    "beam": ({"zh": "束搜索（4）", "en": "beam search (4)"}, {"do_sample": False, "num_beams": 4}),
    "penalty": ({"zh": "贪心加重复惩罚 1.2", "en": "greedy, repetition penalty 1.2"}, {"do_sample": False, "repetition_penalty": 1.2}),
    "cool": ({"zh": "采样，温度 0.7", "en": "sampling, temperature 0.7"}, {"do_sample": True, "temperature": 0.7, "top_k": 0}),
    "plain": ({"zh": "采样，温度 1", "en": "sampling, temperature 1"}, {"do_sample": True, "temperature": 1.0, "top_k": 0}),
    "hot": ({"zh": "采样，温度 1.5", "en": "sampling, temperature 1.5"}, {"do_sample": True, "temperature": 1.5, "top_k": 0}),
    "top_k": ({"zh": "top-k，50", "en": "top-k, 50"}, {"do_sample": True, "temperature": 1.0, "top_k": 50}),
    "top_p": ({"zh": "top-p，0.9", "en": "top-p, 0.9"}, {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 0.9}),
}  # fmt: skip
STORIES = [
    "a lighthouse keeper who receives a letter", "a robot that learns to bake bread", "two brothers and an old map",
    "a teacher on her last day at school", "a lost dog in a snowstorm", "a violin that plays by itself",
    "the first shop on the Moon", "a fisherman and a talking fish", "a night train that never stops",
    "a child who collects shadows",
]  # fmt: skip
SUMMARIES = ("greedy", "penalty", "top_p")


def generate(
    model: Any, tokenizer: Any, prompts: list[str], *, new_tokens: int, seed: int, **how: Any
) -> list[str]:
    """One answer for each prompt, in one batch; `how` is what `model.generate` takes."""
    import torch

    torch.manual_seed(seed)
    chats = [[{"role": "user", "content": prompt}] for prompt in prompts]
    batch = tokenizer.apply_chat_template(
        chats, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
    )
    with torch.inference_mode():
        ids = model.generate(**batch, max_new_tokens=new_tokens, pad_token_id=tokenizer.pad_token_id, **how)
    return [
        text.strip()
        for text in tokenizer.batch_decode(ids[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    ]


def surprise(model: Any, tokenizer: Any, prompt: str, answer: str) -> float:
    """Mean negative log-likelihood of an answer under the model itself, in nats per token."""
    import torch

    chat = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    before = tokenizer(text, add_special_tokens=False)["input_ids"]
    after = tokenizer(answer, add_special_tokens=False)["input_ids"]
    if not after:
        return float("nan")
    with torch.inference_mode():
        logits = model(torch.tensor([before + after])).logits[0, len(before) - 1 : -1]
    return float(torch.nn.functional.cross_entropy(logits, torch.tensor(after)))


def official_example(source: Any, prompt: str, new_tokens: int) -> str:
    """The pipeline as the library's documentation shows it; `source` is a hub id or a file."""
    from transformers import pipeline

    generator = pipeline("text-generation", model=load_model(source), tokenizer=load_tokenizer(source))
    chat = [{"role": "user", "content": prompt}]
    found = generator(chat, max_new_tokens=new_tokens, do_sample=False, return_full_text=False)
    return str(found[0]["generated_text"])


def run_generation(run: Run) -> None:
    """Stories in every strategy with measures over prompts; then summaries of real reviews."""
    p = run.params
    tokenizer, model = load_tokenizer(run.input("smollm2")), load_model(run.input("smollm2"))
    prompts = [f"Write a short story about {topic}." for topic in STORIES[: p["prompts"]]]
    measures: dict[str, Callable[[str, str], float]] = {
        "distinct1": lambda _, text: diversity.distinct(text, 1),
        "distinct2": lambda _, text: diversity.distinct(text, 2),
        "repeated4": lambda _, text: diversity.repeated(text),
        "words": lambda _, text: float(len(diversity.words_of(text))),
        "surprise": lambda prompt, text: surprise(model, tokenizer, prompt, text),
    }
    stories: dict[str, list[str]] = {}
    scores: dict[str, dict[str, np.ndarray]] = {}
    for name, (label, how) in STRATEGIES.items():
        stories[name] = generate(
            model, tokenizer, prompts, new_tokens=p["story_tokens"], seed=run.seed, **how
        )
        scores[name] = {
            key: np.array([measure(a, b) for a, b in zip(prompts, stories[name], strict=True)])
            for key, measure in measures.items()
        }
        run.say(f"{label['en']}: distinct-2 {scores[name]['distinct2'].mean():.3f}")
    run.metric("prompts", len(prompts), unit="count", label={"zh": "题目数", "en": "prompts"})
    _record_strategies(run, scores)
    _record_stories(run, stories, p["shown"])
    _record_summaries(run, model, tokenizer)


LABELS: dict[str, tuple[str, str, str]] = {
    "distinct1": ("distinct-1", "distinct-1", "ratio"),
    "distinct2": ("distinct-2", "distinct-2", "ratio"),
    "repeated4": ("重复的四元组", "repeated 4-grams", "ratio"),
    "words": ("词数", "words", "count"),
    "surprise": ("每词元 nat（模型自评）", "nats per token (the model's own view)", "nats"),
}


def _record_strategies(run: Run, scores: dict[str, dict[str, np.ndarray]]) -> None:
    rows, dots = [], []
    for name, found in scores.items():
        label = STRATEGIES[name][0]
        row: dict[str, Any] = {"strategy": label}
        for key, (zh, en, unit) in LABELS.items():
            values = found[key][np.isfinite(found[key])]
            mean, low, high = _mean(values)
            row[key] = round(mean) if unit == "count" else mean
            if key == "words":
                continue
            run.metric(f"{name}_{key}", mean, unit=unit, n=len(values), ci=(low, high), ci_method="bootstrap 95 % (prompts)",
                       label={"zh": f"{label['zh']}：{zh}", "en": f"{label['en']}: {en}"})  # fmt: skip
            if key == "repeated4":
                dots.append(
                    {
                        "name": f"@{name}",
                        "value": round(100 * mean, 2),
                        "low": round(100 * low, 2),
                        "high": round(100 * high, 2),
                    }
                )
        rows.append(row)
    columns: list[dict[str, Any]] = [{"key": "strategy", "label": {"zh": "策略", "en": "strategy"}}]
    columns += [
        {"key": key, "label": {"zh": zh, "en": en}, "unit": unit} for key, (zh, en, unit) in LABELS.items()
    ]
    run.table("strategies", columns=columns, rows=rows)
    y = {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 220}}
    x = {"type": "quantitative", "title": "@value"}
    run.chart("repetition", {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json", "width": "container", "height": {"step": 30},
        "data": {"values": dots},
        "layer": [
            {"mark": {"type": "rule", "color": "#6b6b6b", "strokeWidth": 2}, "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}}},
            {"mark": {"type": "point", "filled": True, "size": 90, "color": "#0072B2", "opacity": 1}, "encoding": {"y": y, "x": {**x, "field": "value"}}},
        ]}, words={f"@{n}": STRATEGIES[n][0] for n in scores} | {"@value": {"zh": "重复出现的四元组（%）", "en": "4-grams that stood there before (%)"}})  # fmt: skip


def _record_stories(run: Run, stories: dict[str, list[str]], shown: int) -> None:
    rows = [
        {"strategy": STRATEGIES[name][0], "topic": STORIES[shown], "text": texts[shown]}
        for name, texts in stories.items()
    ]
    run.table("stories", columns=[
        {"key": "strategy", "label": {"zh": "策略", "en": "strategy"}},
        {"key": "topic", "label": {"zh": "题目", "en": "topic"}},
        {"key": "text", "label": {"zh": "原样输出", "en": "output, unedited"}},
    ], rows=rows)  # fmt: skip


def _record_summaries(run: Run, model: Any, tokenizer: Any) -> None:
    """Real reviews of middling length, in one sentence each; how short, and how much is copied."""
    p = run.params
    low, high = p["article_words"]
    found = [t for t in read_english(run.input("imdb"), 600) if low <= len(t.split()) <= high][
        : p["articles"]
    ]
    prompts = [f"Summarize this film review in one sentence.\n\n{' '.join(text.split())}" for text in found]
    rows = []
    for name in SUMMARIES:
        label, how = STRATEGIES[name]
        texts = generate(model, tokenizer, prompts, new_tokens=p["summary_tokens"], seed=run.seed, **how)
        copied = np.array([diversity.copied(a, b) for a, b in zip(texts, found, strict=True)])
        short = np.array(
            [
                len(diversity.words_of(a)) / len(diversity.words_of(b))
                for a, b in zip(texts, found, strict=True)
            ]
        )
        for key, values, zh, en in (
            ("copied", copied, "照抄的四元组", "4-grams copied"),
            ("length", short, "长度占原文", "length of the original"),
        ):
            mean, *ci = _mean(values)
            run.metric(f"summary_{name}_{key}", mean, unit="ratio", n=len(values), ci=(ci[0], ci[1]), ci_method="bootstrap 95 % (reviews)",
                       label={"zh": f"摘要，{label['zh']}：{zh}", "en": f"summary, {label['en']}: {en}"})  # fmt: skip
        rows += [
            {"number": f"{name} {n}", "strategy": label, "opening": " ".join(found[n - 1].split()[:25]) + " …", "summary": text}
            for n, text in enumerate(texts[:2], start=1)
        ]  # fmt: skip
    run.table("summaries", columns=[
        {"key": "number", "label": {"zh": "编号", "en": "no."}},
        {"key": "strategy", "label": {"zh": "策略", "en": "strategy"}},
        {"key": "opening", "label": {"zh": "原文开头", "en": "opening of the review"}},
        {"key": "summary", "label": {"zh": "原样输出", "en": "output, unedited"}},
    ], rows=rows)  # fmt: skip
    run.metric("example_words", len(diversity.words_of(rows[0]["summary"])), unit="count",
               label={"zh": "第一条摘要的词数", "en": "words of the first summary"})  # fmt: skip


def _mean(values: np.ndarray) -> tuple[float, float, float]:
    """Mean and its 95 % bootstrap interval."""
    draw = np.random.default_rng(0).integers(0, len(values), (2000, len(values)))
    low, high = np.percentile(values[draw].mean(1), [2.5, 97.5])
    return float(values.mean()), float(low), float(high)
