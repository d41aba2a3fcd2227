"""Small changes to a frozen encoder: LoRA and prefix tuning, both with peft."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from projects.sentiment import report
from projects.sentiment.charts import record_loss
from projects.sentiment.data import load_split, sample
from projects.sentiment.encoder import (
    compute_in_bf16,
    encode_reviews,
    load_encoder,
    positive_share,
    predict,
)
from projects.sentiment.training import train, trainable_parameters

if TYPE_CHECKING:
    from verifolio.record import Run


def build_lora(model: Any, *, rank: int, alpha: int) -> Any:
    """LoRA on every linear layer of the encoder: W + (alpha / rank)·B·A, B (out, r), A (r, in).

    Hu et al. 2021, section 4.1. B starts at zero, so training starts from the pretrained model.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    config = LoraConfig(
        task_type=TaskType.SEQ_CLS,
        r=rank,
        lora_alpha=alpha,
        target_modules=["query", "key", "value", "dense"],
    )
    return get_peft_model(model, config)


def build_prefix(model: Any, *, tokens: int) -> Any:
    """Prefix tuning: `tokens` trained keys and values before every layer's own (Li & Liang 2021).

    In an encoder all positions may attend to the prefix; the head on [CLS] is trained with it.
    """
    from peft import PrefixTuningConfig, TaskType, get_peft_model

    config = PrefixTuningConfig(task_type=TaskType.SEQ_CLS, num_virtual_tokens=tokens)
    return get_peft_model(model, config)


def run_lora(run: Run) -> None:
    """Train the published classifier and save its adapter."""
    model = load_encoder(run.input("minilm"), seed=run.seed)
    model = build_lora(model, rank=run.params["rank"], alpha=run.params["alpha"])
    _train_and_record(run, model)
    folder = run.product("lora/adapter_config.json").parent
    save_adapter(model, folder)
    run.metric(
        "adapter_bytes", (folder / "adapter_model.safetensors").stat().st_size, unit="bytes",
        better="lower", label={"zh": "适配器文件大小", "en": "size of the adapter file"},
    )  # fmt: skip


def run_prefix(run: Run) -> None:
    """Train a prefix on the same reviews."""
    model = load_encoder(run.input("minilm"), seed=run.seed)
    _train_and_record(run, build_prefix(model, tokens=run.params["virtual_tokens"]))


def _train_and_record(run: Run, model: Any) -> None:
    params = run.params
    split = load_split(run.input("imdb"), limit=params["limit"])
    path = run.input("minilm")
    learned = sample(split.train, params["train_reviews"], seed=0)
    train_ids = encode_reviews(path, learned.texts, params["max_tokens"])
    test_ids = encode_reviews(path, split.test.texts, params["max_tokens"])
    compute_in_bf16(model, dropout=params["dropout"])
    trainable = trainable_parameters(model)
    started = time.perf_counter()
    curve = train(
        model,
        train_ids,
        learned.labels,
        work=run.work,
        learning_rate=params["learning_rate"],
        epochs=params["epochs"],
        batch=params["batch"],
        smoothing=params["smoothing"],
        seed=run.seed,
        tell=run.progress,
    )
    seconds = time.perf_counter() - started
    logits = predict(model, test_ids, tell=lambda done, total: run.progress(done, total, "testing"))
    positive = positive_share(logits)
    report.record_scores(run, split.test.labels, positive)
    report.record_costs(
        run,
        trainable=trainable,
        seconds=seconds,
        train_reviews=len(train_ids),
        reviews_seen=int(len(train_ids) * params["epochs"]),
    )
    record_loss(run, curve)
    report.write_probabilities(run.product(f"{run.experiment.partition('.')[2]}/test.json"), positive)


def save_adapter(model: Any, folder: Path) -> None:
    """Adapter and head in peft's own format, in fp16: half the bytes, no measurable difference."""
    import torch
    from safetensors.torch import load_file, save_file

    config = model.peft_config["default"]
    config.base_model_name_or_path = "sentence-transformers/all-MiniLM-L6-v2"
    config.target_modules = sorted(config.target_modules)  # a set: the file would differ from run to run
    model.save_pretrained(str(folder))
    file = folder / "adapter_model.safetensors"
    save_file({name: value.to(torch.float16) for name, value in load_file(file).items()}, file)


def load_adapter(base: Path, adapter: Path) -> Any:
    """The pretrained encoder with the published adapter on it, in fp32, ready to predict."""
    from peft import PeftModel

    return PeftModel.from_pretrained(load_encoder(base, fast=False), str(adapter)).float().eval()
