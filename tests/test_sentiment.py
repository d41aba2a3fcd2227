"""The sentiment project: its split does not leak, its metrics are right, its adapter merges."""

from __future__ import annotations

import importlib.util
import json
import math
import types
from pathlib import Path

import numpy as np
import pytest

from projects.sentiment import inference, metrics
from projects.sentiment.data import (
    BLOCK,
    GUARD,
    Reviews,
    carve_validation,
    sample,
    shared_shingles,
    split_reviews,
)
from projects.sentiment.temperature import fit_temperature, scale
from projects.sentiment.text import clean, cut_middle, frame

ROOT = Path(__file__).parents[1]
ADAPTER = ROOT / "projects" / "sentiment" / "results" / "lora"
needs_torch = pytest.mark.skipif(importlib.util.find_spec("peft") is None, reason="torch is not installed")


@pytest.fixture
def reviews() -> Reviews:
    texts = [f"film {number // 20} review number {number}" for number in range(5000)]
    texts[10] = texts[1100].upper() + "!"  # a training text that is also held out
    texts[20] = texts[21]
    return Reviews(texts, (np.arange(5000) >= 2500).astype(np.int64), np.arange(5000))


def test_no_block_is_on_both_sides(reviews: Reviews) -> None:
    split = split_reviews(reviews)
    assert not set(split.train.rows // BLOCK) & set(split.test.rows // BLOCK)
    assert set(split.test.rows // BLOCK) == {4, 9, 14, 19}


def test_training_keeps_its_distance(reviews: Reviews) -> None:
    split = split_reviews(reviews)
    nearest = min(np.abs(split.train.rows - row).min() for row in split.test.rows)
    assert nearest > GUARD
    assert split.dropped["guard"] == 7 * GUARD  # four held-out blocks, the last one at the end


def test_duplicates_go_also_across_the_split(reviews: Reviews) -> None:
    split = split_reviews(reviews)
    assert 1100 in split.test.rows
    assert 10 not in split.train.rows
    assert len({20, 21} & set(split.train.rows.tolist())) == 1


def test_validation_comes_from_training_alone(reviews: Reviews) -> None:
    split = split_reviews(reviews)
    inner = carve_validation(split.train)
    assert len(inner.test) > 0
    assert not set(inner.test.rows) & (set(inner.train.rows) | set(split.test.rows))
    assert min(np.abs(inner.train.rows - row).min() for row in inner.test.rows) > GUARD


def test_sample_is_balanced_and_repeatable(reviews: Reviews) -> None:
    one, two = sample(reviews, 100, seed=3), sample(reviews, 100, seed=3)
    assert one.labels.sum() == 50
    assert one.texts == two.texts
    assert sample(reviews, 0, seed=3) is reviews


def test_shared_shingles_find_a_copied_passage() -> None:
    passage = " ".join(f"word{i}" for i in range(40))
    train = Reviews(
        [passage, "nothing in common with it at all whatever you may look for"],
        np.array([0, 1]),
        np.arange(2),
    )
    test = Reviews(
        [passage + " end", "another text altogether that shares not one long run"],
        np.array([0, 1]),
        np.arange(2),
    )
    share = shared_shingles(train, test)
    assert share[0] > 0.9
    assert share[1] == 0


def test_clean_and_cut() -> None:
    assert clean("Bad.<br /><br/>Very\n bad ") == "Bad. Very bad"
    assert cut_middle(list(range(10)), 6) == [0, 1, 6, 7, 8, 9]
    assert cut_middle([1, 2], 6) == [1, 2]
    framed = frame(list(range(1000, 1400)), 101, 102, 256)
    assert len(framed) == 256
    assert (framed[0], framed[-1], framed[-2]) == (101, 102, 1399)


def test_metrics_against_known_values() -> None:
    labels, positive = np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.2, 0.6])
    assert metrics.accuracy(labels, positive) == 0.5
    assert metrics.f1(labels, positive) == 0.5
    assert metrics.nll(np.array([1]), np.array([0.5])) == pytest.approx(math.log(2))
    low, high = metrics.wilson(0.5, 100)
    assert (low, high) == pytest.approx((0.40383, 0.59617), abs=1e-4)
    assert metrics.wilson(1.0, 10)[1] == 1.0


def test_mcnemar_is_the_exact_binomial_test() -> None:
    first = np.array([True] * 9 + [False] + [True] * 5)
    second = np.array([False] * 9 + [True] + [True] * 5)
    only_first, only_second, p = metrics.mcnemar(first, second)
    assert (only_first, only_second) == (9, 1)
    assert p == pytest.approx(2 * 11 / 1024)


def test_calibration() -> None:
    labels = np.array([1] * 8 + [0] * 2)
    sure = np.full(10, 0.8)
    assert metrics.ece(labels, sure) == pytest.approx(0.0, abs=1e-9)
    assert metrics.ece(labels, np.full(10, 0.95)) == pytest.approx(0.15)


def test_bootstrap_holds_the_mean() -> None:
    values = np.random.default_rng(0).normal(size=200)
    low, high = metrics.bootstrap(values, rounds=200)
    assert low < values.mean() < high


def test_word_effects_leave_out_each_word() -> None:
    class Fake(inference.Classifier):
        def __init__(self) -> None:
            pass

        def logits(self, texts: list[str]) -> list[tuple[float, float]]:
            return [(float("bad" in text), float("good" in text)) for text in texts]

    effects = {one.word: one.effect for one in Fake().word_effects("A good, bad film")}
    assert effects == {"A": 0, "good": 1, "bad": -1, "film": 0}
    assert Fake().word_effects(" … ") == []
    verdict = inference.verdict((0.0, 2.0))
    assert (verdict.label, round(verdict.probability, 4)) == ("positive", 0.8808)
    assert inference.verdict((2.0, 0.0)).positive == pytest.approx(0.1192, abs=1e-4)


def test_a_missing_model_is_said() -> None:
    with pytest.raises(FileNotFoundError, match="verifolio run"):
        inference.load_classifier(Path("nowhere"))


def test_light_modules_stay_light() -> None:
    """The demos import these: no torch, not even datasets."""
    code = "import sys, projects.sentiment.inference, projects.sentiment.streamlit_app; print([m for m in ('torch', 'transformers', 'datasets', 'streamlit', 'onnxruntime') if m in sys.modules])"
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@needs_torch
def test_lora_starts_as_the_model_and_merges_to_the_same_logits() -> None:
    import torch

    from projects.sentiment.adapters import build_lora
    from projects.sentiment.encoder import predict

    ids = [[101, *range(2000, 2000 + size), 102] for size in (3, 9, 30)]
    before = predict(_small_bert(), ids)
    model = build_lora(_small_bert(), rank=4, alpha=8)
    assert np.allclose(predict(model, ids), before, atol=1e-5)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.05)
    changed = predict(model, ids)
    assert not np.allclose(changed, before, atol=1e-3)
    assert np.allclose(predict(model.merge_and_unload(), ids), changed, atol=1e-4)


@needs_torch
def test_fast_arithmetic_agrees_with_the_plain_model() -> None:
    import torch

    from projects.sentiment.adapters import build_lora
    from projects.sentiment.encoder import ATTENTION, compute_in_bf16, predict, register_attention

    register_attention()
    ids = [[101, *range(2000, 2000 + size), 102] for size in (3, 9, 30)]
    models = [build_lora(_small_bert(attention), rank=4, alpha=8) for attention in ("sdpa", ATTENTION)]
    for model in models:
        torch.manual_seed(1)
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.05)
    plain, fast = predict(models[0], ids), predict(compute_in_bf16(models[1]), ids)
    assert np.abs(plain - fast).max() < 0.05


@needs_torch
def test_a_lora_layers_gradients_are_those_of_its_formula() -> None:
    import torch
    from torch.nn import functional

    from projects.sentiment.lora_layer import MergedLinear

    torch.manual_seed(0)
    shapes = {"x": (2, 3, 5), "base": (4, 5), "bias": (4,), "a": (2, 5), "b": (4, 2)}
    given = {name: torch.randn(shape, dtype=torch.double) for name, shape in shapes.items()}
    learned = [given[name].requires_grad_() for name in ("x", "a", "b")]
    wanted = functional.linear(given["x"], given["base"] + 2.0 * given["b"] @ given["a"], given["bias"])
    found = MergedLinear.apply(*given.values(), 2.0)
    assert torch.allclose(found, wanted)
    toward = torch.randn(wanted.shape, dtype=torch.double)
    pairs = zip(
        torch.autograd.grad(found, learned, toward), torch.autograd.grad(wanted, learned, toward), strict=True
    )
    for ours, theirs in pairs:
        assert torch.allclose(ours, theirs)


@needs_torch
def test_training_with_dropout_keeps_the_fused_attention() -> None:
    import torch
    from torch.profiler import ProfilerActivity, profile

    from projects.sentiment.encoder import ATTENTION, compute_in_bf16, pad, register_attention

    register_attention()
    model = compute_in_bf16(_small_bert(ATTENTION), dropout=0.1).train()
    ids, mask = pad([[101, *range(2000, 2030), 102]])
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        first, second = (model(input_ids=ids, attention_mask=mask).logits for _ in range(2))
    assert not torch.equal(first, second)  # something is dropped
    assert any("flash_attention" in one.key for one in seen.key_averages())


@needs_torch
def test_training_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    from projects.sentiment.training import train

    ids = [[101, 2000 + (number % 2), 102] for number in range(32)]
    labels = np.arange(32) % 2
    options = {"learning_rate": 1e-3, "batch": 8, "seed": 0, "work": tmp_path, "save_steps": 2}
    train(_small_bert(), ids, labels, epochs=1, **options)
    steps: list[float] = []
    train(_small_bert(), ids, labels, epochs=2, tell=lambda done, total, what: steps.append(done), **options)
    assert steps == [5, 6, 7, 8]


@needs_torch
def test_batches_are_of_like_length() -> None:
    from transformers.trainer_pt_utils import LengthGroupedSampler

    lengths = np.random.default_rng(0).integers(10, 256, 1600)
    order = np.array(list(LengthGroupedSampler(16, lengths=lengths.tolist())))
    assert sorted(order) == list(range(1600))
    grouped = lengths[order].reshape(-1, 16)
    waste = 1 - grouped.sum() / (grouped.max(1) * 16).sum()
    assert waste < 0.1


@needs_torch
def test_the_published_adapter_loads_and_is_small() -> None:
    from projects.sentiment.adapters import load_adapter
    from projects.sentiment.encoder import encode_reviews, positive_share, predict
    from verifolio.inputs import resolve_input
    from verifolio.portfolio import read_portfolio

    assert (ADAPTER / "adapter_model.safetensors").stat().st_size <= 2_000_000
    base = resolve_input(read_portfolio(ROOT), "minilm")
    texts = ["A wonderful film, one of the best.", "Boring and badly acted, a waste of time."]
    share = positive_share(predict(load_adapter(base, ADAPTER), encode_reviews(base, texts, 256)))
    assert share[0] > 0.9
    assert share[1] < 0.1


def test_committed_probabilities_fit_the_accuracy() -> None:
    """Numbers and the probabilities behind them come from the same run."""
    results = ROOT / "projects" / "sentiment" / "results"
    for path in results.glob("*/test.json"):
        if path.parent.name == "curve":
            continue
        result = json.loads((results / f"{path.parent.name}.json").read_text())
        judged = "all_accuracy" if path.parent.name == "windows" else "accuracy"
        assert len(json.loads(path.read_text())) == result["metrics"][judged]["n"]


def _small_bert(attention: str = "sdpa") -> types.SimpleNamespace:
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        num_labels=2,
        attn_implementation=attention,
    )
    return BertForSequenceClassification(config)


def test_a_temperature_undoes_what_exaggerates_and_changes_no_verdict():
    draw = np.random.default_rng(0)
    honest = draw.random(20_000)
    labels = (draw.random(20_000) < honest).astype(int)
    loud = scale(honest, 0.5)  # twice the log-odds
    assert fit_temperature(labels, loud) == pytest.approx(2, rel=0.1)
    assert ((loud >= 0.5) == (honest >= 0.5)).all()
