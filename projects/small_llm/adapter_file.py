"""Adapters in PEFT's own format: adapter_config.json and adapter_model.safetensors. Checked before a weight is touched."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from projects.small_llm.lora import inject, lora_layers

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."


class AdapterError(ValueError):
    """An adapter that is damaged or belongs to another model; the message says what to do."""


def save_adapter(
    model: Any,
    folder: Path,
    *,
    rank: int,
    alpha: float,
    dropout: float,
    targets: list[str],
    base: str,
    half: bool = False,
) -> None:
    """Write both files, each under another name first, so that a kill leaves no half of one.

    `half` keeps the matrices in float16: half the bytes, and far less lost than quantisation takes later.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "r": rank, "lora_alpha": alpha,
        "lora_dropout": dropout, "target_modules": sorted(targets), "bias": "none", "inference_mode": True,
        "fan_in_fan_out": False, "init_lora_weights": True,
    }  # fmt: skip

    def kept(matrix: torch.Tensor) -> torch.Tensor:
        return matrix.detach().cpu().to(torch.float16 if half else matrix.dtype).contiguous()

    tensors = {}
    for name, layer in lora_layers(model):
        tensors[f"{PREFIX}{name}.lora_A.weight"] = kept(layer.lora_A)
        tensors[f"{PREFIX}{name}.lora_B.weight"] = kept(layer.lora_B)
    save_file(tensors, folder / f"{WEIGHTS}.part", metadata={"format": "pt"})
    os.replace(folder / f"{WEIGHTS}.part", folder / WEIGHTS)
    (folder / f"{CONFIG}.part").write_text(json.dumps(config, indent=2) + "\n")
    os.replace(folder / f"{CONFIG}.part", folder / CONFIG)


def load_adapter(model: Any, folder: Path) -> Any:
    """Put the adapter in `folder` on `model`, a plain one; refuses what does not fit."""
    config, tensors = read_adapter(folder)
    inject(
        model,
        config["target_modules"],
        rank=config["r"],
        alpha=config["lora_alpha"],
        dropout=config["lora_dropout"],
    )
    wanted = {
        f"{PREFIX}{name}.lora_{side}.weight": getattr(layer, f"lora_{side}")
        for name, layer in lora_layers(model)
        for side in "AB"
    }
    if strange := sorted(set(wanted) ^ set(tensors)):
        raise AdapterError(
            f"{folder} is an adapter for another model: {strange[0]} is in only one of the two"
        )
    for name, parameter in wanted.items():
        if parameter.shape != tensors[name].shape:
            raise AdapterError(
                f"{folder} is for another model or rank: {name} should be {tuple(parameter.shape)}, "
                f"the file has {tuple(tensors[name].shape)}"
            )
    with torch.no_grad():
        for name, parameter in wanted.items():
            parameter.copy_(tensors[name])
    return model


def read_adapter(folder: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Configuration and tensors, both whole; the error says which file is not."""
    try:
        config = json.loads((folder / CONFIG).read_text())
        tensors = load_file(folder / WEIGHTS)
    except FileNotFoundError as error:
        raise AdapterError(
            f"{error.filename or folder} does not exist: an adapter is {CONFIG} and {WEIGHTS}"
        ) from error
    except (SafetensorError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise AdapterError(
            f"{folder} holds a truncated or corrupt file ({error}): get the adapter again"
        ) from error
    if missing := {"r", "lora_alpha", "lora_dropout", "target_modules"} - set(config):
        raise AdapterError(f"{folder / CONFIG} lacks {sorted(missing)}: is it a LoRA adapter of PEFT's?")
    return config, tensors
