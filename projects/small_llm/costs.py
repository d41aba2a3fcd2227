"""What one training step keeps in memory, part by part: weights, gradients, the optimiser's moments, activations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from projects.small_llm.training import answer_loss

if TYPE_CHECKING:
    from verifolio.record import Run

PARTS = {
    "weights": {"zh": "权重", "en": "weights"},
    "gradients": {"zh": "梯度", "en": "gradients"},
    "optimizer": {"zh": "优化器状态", "en": "optimiser state"},
    "activations": {"zh": "激活", "en": "activations"},
}


def measure_step(model: Any, batch: dict[str, torch.Tensor]) -> dict[str, int]:
    """Bytes of each part at its peak, by one AdamW step on `batch`; counts tensors, not what an allocator reserves."""
    trained = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-6)
    device = next(model.parameters()).device
    own = {one.untyped_storage().data_ptr() for one in model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    model.train()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = answer_loss(model, {name: one.to(device) for name, one in batch.items()})
    loss.backward()
    optimizer.step()
    moments = [one for state in optimizer.state.values() for one in state.values() if torch.is_tensor(one)]
    return {
        "weights": _bytes(model.parameters()),
        "gradients": _bytes(one.grad for one in trained if one.grad is not None),
        "optimizer": _bytes(moments),
        "activations": sum(kept.values()),
    }


def record_costs(run: Run, found: dict[str, dict[str, int]], names: dict[str, dict[str, str]]) -> None:
    """Every part of every way as a number, a table and a stacked bar."""
    for way, parts in found.items():
        for part, size in parts.items():
            run.metric(f"{way}_{part}", size, unit="bytes", better="lower",
                       label={"zh": f"{names[way]['zh']}：{PARTS[part]['zh']}", "en": f"{names[way]['en']}: {PARTS[part]['en']}"})  # fmt: skip
        run.metric(f"{way}_total", sum(parts.values()), unit="bytes", better="lower",
                   label={"zh": f"{names[way]['zh']}：合计", "en": f"{names[way]['en']}: total"})  # fmt: skip
    run.table(
        "parts",
        columns=[
            {"key": "way", "label": {"zh": "训练方式", "en": "way of training"}},
            *({"key": part, "label": label, "unit": "bytes"} for part, label in PARTS.items()),
            {"key": "total", "label": {"zh": "合计", "en": "total"}, "unit": "bytes"},
        ],
        rows=[{"way": names[way], **parts, "total": sum(parts.values())} for way, parts in found.items()],
    )
    values = [{"way": f"@{way}", "part": f"@{part}", "y": round(size / 1e6, 1), "order": number}
              for way, parts in found.items() for number, (part, size) in enumerate(parts.items())]  # fmt: skip
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": "container", "height": {"step": 56}, "data": {"values": values}, "mark": {"type": "bar"},
        "encoding": {
            "y": {"field": "way", "type": "nominal", "title": None, "sort": [f"@{way}" for way in found]},
            "x": {"field": "y", "type": "quantitative", "title": "@size", "stack": True},
            "color": {"field": "part", "type": "nominal", "title": None, "sort": [f"@{part}" for part in PARTS]},
            "order": {"field": "order", "type": "quantitative"},
        },
    }  # fmt: skip
    words = {f"@{way}": names[way] for way in found} | {f"@{part}": label for part, label in PARTS.items()}
    run.chart("parts", spec, words=words | {"@size": {"zh": "内存（MB）", "en": "memory (MB)"}})


def _bytes(tensors: Any) -> int:
    return sum(one.numel() * one.element_size() for one in tensors)
