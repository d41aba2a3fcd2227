"""Experiment: the best prompt for week 2's BERT model: templates, a cloze with label words, a soft prompt.

The published classifier is week 2's LoRA adapter merged into the encoder. MiniLM comes without the head of masked
language modelling that a real cloze needs; what can be done without one is said where it is done (`cloze`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from projects.prompting.tables import column, dot, record_points, record_share
from projects.sentiment.adapters import load_adapter
from projects.sentiment.data import Reviews, carve_validation, load_split, sample
from projects.sentiment.encoder import encode_reviews, load_encoder, pad, predict
from projects.sentiment.plots import named_dots

if TYPE_CHECKING:
    from pathlib import Path

    from verifolio.record import Run

TEMPLATES = {
    "plain": "{}",
    "review": "Film review: {}",
    "verdict": "{} All in all, the film was",
    "question": "Is this film review positive or negative? {}",
    "quoted": 'A viewer wrote about a film: "{}" The viewer felt',
    "noise": "The weather is mild today. {}",
}
WORDS = (("terrible", "awful", "bad", "boring"), ("great", "wonderful", "good", "excellent"))
CLOZE = "{} All in all, the film was [MASK]."


def run_bert_prompt(run: Run) -> None:
    """Choose a template on training reviews, then measure everything on the same held-out ones."""
    import torch

    torch.manual_seed(run.seed)
    params, base = run.params, run.input("minilm")
    split = load_split(run.input("imdb"), limit=params["limit"])
    test = sample(split.test, params["test"], seed=run.seed)
    chosen_on = sample(carve_validation(split.train).test, params["validation"], seed=run.seed)
    if not len(chosen_on):  # a smoke run's few reviews hold no validation block
        chosen_on = sample(split.train, params["validation"], seed=run.seed)
    merged = load_adapter(base, run.product_of("sentiment.lora", "lora/adapter_model.safetensors").parent)
    merged = merged.merge_and_unload().eval()
    scores, rows = {}, []
    for key, template in TEMPLATES.items():
        found = _right(merged, base, template, chosen_on, params["max_tokens"])
        scores[key] = _right(merged, base, template, test, params["max_tokens"])
        rows.append({"template": template.format("…"), "validation": float(found.mean()),
                     "test": float(scores[key].mean())})  # fmt: skip
        run.progress(len(scores), len(TEMPLATES), "templates")
    best = list(TEMPLATES)[int(np.argmax([row["validation"] for row in rows]))]
    run.table(
        "templates",
        columns=[column("template", "模板", "template"),
                 column("validation", "挑选用的评论上", "on the reviews that choose", "ratio"),
                 column("test", "测试子集上", "on the test subset", "ratio")],
        rows=rows,
    )  # fmt: skip
    run.metric("best_number", 1 + list(TEMPLATES).index(best), unit="count", n=len(TEMPLATES),
               label={"zh": "挑中的模板（表中第几行）", "en": "template chosen (row of the table)"})  # fmt: skip
    record_share(run, "plain", scores["plain"], "发布的分类器，不加模板", "published classifier, no template")
    record_share(
        run, "best", scores[best], "发布的分类器，挑中的模板", "published classifier, chosen template"
    )
    record_points(
        run,
        "best_gain",
        scores[best].astype(float) - scores["plain"],
        "挑中的模板比不加",
        "chosen template minus none",
    )
    record_points(
        run,
        "noise_gain",
        scores["noise"].astype(float) - scores["plain"],
        "前面加一句废话",
        "an idle sentence in front",
    )
    cloze_right = cloze(base, test, params["max_tokens"])
    record_share(run, "cloze", cloze_right, "完形填空（不训练）", "cloze, nothing trained")
    learned = sample(split.train, params["train"], seed=run.seed)
    short = _right(merged, base, "{}", test, params["soft_tokens"])
    soft_on = soften(merged, params, base, learned, heads=False)
    soft = _right(soft_on, base, "{}", test, params["soft_tokens"])
    record_share(run, "short", short, "发布的分类器，短输入", "published classifier, short input")
    record_share(run, "soft", soft, "发布的分类器，软提示", "published classifier, soft prompt")
    record_points(run, "soft_gain", soft.astype(float) - short, "软提示比不加", "soft prompt minus none")
    fresh = soften(load_encoder(base, fast=False, seed=run.seed), params, base, learned, heads=True)
    soft_base = _right(fresh, base, "{}", test, params["soft_tokens"])
    record_share(
        run, "soft_base", soft_base, "没微调的编码器，软提示加分类头", "untuned encoder, soft prompt and head"
    )
    run.metric("soft_parameters", params["virtual_tokens"] * 384, unit="parameters",
               label={"zh": "软提示的参数", "en": "parameters of the soft prompt"})  # fmt: skip
    record_points(
        run,
        "tuned_minus_soft_base",
        short.astype(float) - soft_base,
        "微调比只训软提示",
        "fine-tuned minus soft prompt alone",
    )
    _chart(run, {"plain": scores["plain"], "best": scores[best], "short": short, "soft": soft,
                 "soft_base": soft_base, "cloze": cloze_right})  # fmt: skip


def cloze(base: Path, reviews: Reviews, max_tokens: int) -> np.ndarray:
    """(n,) right by label words: the state at [MASK] against the input vectors of good and bad words.

    A masked language model would put a trained layer between the two; MiniLM lost it when it became a sentence
    encoder, so this is the nearest thing that needs no training (verbaliser as in Schick and Schütze 2021).
    """
    import torch
    from tokenizers import Tokenizer

    bert = load_encoder(base, fast=False).bert.eval()
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    table = torch.nn.functional.normalize(bert.embeddings.word_embeddings.weight, dim=1)
    sides = [table[[tokenizer.token_to_id(word) for word in side]].mean(0) for side in WORDS]  # 2 × (hidden,)
    mask_id, found = tokenizer.token_to_id("[MASK]"), []
    ids = encode_reviews(base, [CLOZE.format(text) for text in reviews.texts], max_tokens)
    with torch.no_grad():
        for one in ids:
            tokens, mask = pad([one])
            states = bert(input_ids=tokens, attention_mask=mask).last_hidden_state[0]  # (tokens, hidden)
            at = states[one.index(mask_id)]
            found.append(int(at @ sides[1] > at @ sides[0]))
    return np.array(found) == reviews.labels


def soften(model: Any, params: dict[str, Any], base: Path, learned: Reviews, *, heads: bool) -> Any:
    """Train virtual tokens in front of the review (Lester et al. 2021); weights stay, the head too unless `heads`."""
    import torch
    from peft import PromptTuningConfig, TaskType, get_peft_model

    config = PromptTuningConfig(task_type=TaskType.SEQ_CLS, num_virtual_tokens=params["virtual_tokens"])
    soft = get_peft_model(model, config)
    for name, weight in soft.named_parameters():
        weight.requires_grad = "prompt_encoder" in name or (heads and "classifier" in name)
    trained = [weight for weight in soft.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=params["learning_rate"])
    ids = encode_reviews(base, learned.texts, params["soft_tokens"])
    draw = np.random.default_rng(0)
    soft.train()
    for _ in range(params["epochs"]):
        order = draw.permutation(len(ids))
        for first in range(0, len(order), params["batch"]):
            batch = order[first : first + params["batch"]]
            tokens, mask = pad([ids[i] for i in batch])
            labels = torch.tensor(learned.labels[batch])
            loss = soft(input_ids=tokens, attention_mask=mask, labels=labels).loss
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return soft.eval()


def _right(model: Any, base: Path, template: str, reviews: Reviews, max_tokens: int) -> np.ndarray:
    ids = encode_reviews(base, [template.format(text) for text in reviews.texts], max_tokens)
    return predict(model, ids, budget=2048).argmax(1) == reviews.labels


def _chart(run: Run, right: dict[str, np.ndarray]) -> None:
    names = {
        "plain": {"zh": "发布的分类器", "en": "published classifier"},
        "best": {"zh": "同上，挑中的模板", "en": "the same, chosen template"},
        "short": {"zh": "发布的分类器，短输入", "en": "published classifier, short input"},
        "soft": {"zh": "同上，软提示", "en": "the same, soft prompt"},
        "soft_base": {"zh": "没微调：软提示加分类头", "en": "not fine-tuned: soft prompt and head"},
        "cloze": {"zh": "没微调：完形填空", "en": "not fine-tuned: cloze"},
    }
    words = {f"@{key}": name for key, name in names.items()}
    words["@value"] = {"zh": "准确率（%）", "en": "accuracy (%)"}
    dots = [dot(f"@{key}", values) for key, values in right.items()]
    run.chart("prompts", named_dots(dots, order=[one["name"] for one in dots]), words=words)
