"""Each part of our Transformer against PyTorch's own with the same weights: outputs and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from projects.foundations.attention import MultiHeadAttention, causal, scaled_dot_product
from projects.foundations.objective import smoothed_loss
from projects.foundations.transformer import DecoderLayer, EncoderLayer

if TYPE_CHECKING:
    from verifolio.record import Run


def copy_attention(mine: MultiHeadAttention, theirs: nn.MultiheadAttention) -> None:
    """Our weights into PyTorch's, which keeps query, key and value in one matrix."""
    parts = (mine.query, mine.key, mine.value)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.out_proj.load_state_dict(mine.out.state_dict())


def copy_encoder(mine: EncoderLayer, theirs: nn.TransformerEncoderLayer) -> None:
    """Our weights into PyTorch's encoder layer."""
    copy_attention(mine.attention, theirs.self_attn)
    _copy_rest(mine, theirs, [mine.after_attention.norm, mine.after_feed_forward.norm])


def copy_decoder(mine: DecoderLayer, theirs: nn.TransformerDecoderLayer) -> None:
    """Our weights into PyTorch's decoder layer."""
    copy_attention(mine.attention, theirs.self_attn)
    copy_attention(mine.cross, theirs.multihead_attn)
    _copy_rest(mine, theirs, [mine.after_attention.norm, mine.after_cross.norm, mine.after_feed_forward.norm])


def _copy_rest(mine: nn.Module, theirs: nn.Module, norms: list[nn.LayerNorm]) -> None:
    for ours, library in ((mine.feed_forward[0], theirs.linear1), (mine.feed_forward[2], theirs.linear2)):
        library.load_state_dict(ours.state_dict())
    for number, norm in enumerate(norms, start=1):
        getattr(theirs, f"norm{number}").load_state_dict(norm.state_dict())


def apart(mine: Callable[..., Tensor], theirs: Callable[..., Tensor], *inputs: Tensor) -> tuple[float, float]:
    """Largest absolute difference of the outputs, and of the gradients at the inputs."""
    sides = []
    for function in (mine, theirs):
        leaves = [one.clone().requires_grad_() for one in inputs]
        output = function(*leaves)
        weights = torch.linspace(-1, 1, output.numel()).view(output.shape)  # every output counts differently
        (output * weights).sum().backward()
        sides.append((output.detach(), [leaf.grad for leaf in leaves]))
    (a, da), (b, db) = sides
    return float((a - b).abs().max()), max(float((x - y).abs().max()) for x, y in zip(da, db, strict=True))


def compare_parts(
    width: int, heads: int, length: int, batch: int, dtype: torch.dtype
) -> dict[str, tuple[float, float]]:
    """Part → largest difference of outputs and of gradients, at random weights and inputs."""
    inner, words = 4 * width, 50
    torch.set_default_dtype(dtype)
    try:
        x, memory = torch.randn(batch, length, width), torch.randn(batch, length + 3, width)
        future, pad = ~causal(length)[0], torch.zeros(batch, length + 3, dtype=torch.bool)
        pad[0, -2:] = True  # one padded row
        seen = ~pad[:, None]
        q = torch.randn(batch, heads, length, width // heads)
        attention = MultiHeadAttention(width, heads)
        torch_attention = nn.MultiheadAttention(width, heads, batch_first=True)
        copy_attention(attention, torch_attention)
        encoder = EncoderLayer(width, heads, inner, 0.0)
        torch_encoder = nn.TransformerEncoderLayer(width, heads, inner, 0.0, batch_first=True)
        copy_encoder(encoder, torch_encoder)
        decoder = DecoderLayer(width, heads, inner, 0.0)
        torch_decoder = nn.TransformerDecoderLayer(width, heads, inner, 0.0, batch_first=True)
        copy_decoder(decoder, torch_decoder)
        logits, target = torch.randn(batch * length, words), torch.randint(0, words, (batch * length,))
        library_loss = nn.CrossEntropyLoss(label_smoothing=0.1, ignore_index=0)
        return {
            "attention": apart(
                lambda a: scaled_dot_product(a, a, a, causal(length))[0],
                lambda a: nn.functional.scaled_dot_product_attention(a, a, a, is_causal=True), q),
            "heads": apart(
                lambda a, m: attention(a, m, seen),
                lambda a, m: torch_attention(a, m, m, key_padding_mask=pad, need_weights=False)[0], x, memory),
            "encoder": apart(
                lambda m: encoder(m, seen), lambda m: torch_encoder(m, src_key_padding_mask=pad), memory),
            "decoder": apart(
                lambda a, m: decoder(a, m, causal(length), seen),
                lambda a, m: torch_decoder(a, m, tgt_mask=future, memory_key_padding_mask=pad), x, memory),
            "loss": apart(
                lambda a: smoothed_loss(a, target, 0.1), lambda a: library_loss(a, target), logits),
        }  # fmt: skip
    finally:
        torch.set_default_dtype(torch.float32)


PARTS = {
    "attention": ("缩放点积注意力", "scaled dot-product attention", "F.scaled_dot_product_attention"),
    "heads": ("多头注意力", "multi-head attention", "nn.MultiheadAttention"),
    "encoder": ("编码器层", "encoder layer", "nn.TransformerEncoderLayer"),
    "decoder": ("解码器层", "decoder layer", "nn.TransformerDecoderLayer"),
    "loss": ("标签平滑的损失", "loss with label smoothing", "nn.CrossEntropyLoss"),
}


def run_parity(run: Run) -> None:
    """The largest difference over several sizes, in single and in double precision."""
    torch.manual_seed(run.seed)
    worst = {part: [0.0, 0.0, 0.0, 0.0] for part in PARTS}
    for dtype, at in ((torch.float32, 0), (torch.float64, 2)):
        for width, heads, length, batch in run.params["sizes"]:
            for part, found in compare_parts(width, heads, length, batch, dtype).items():
                for side in (0, 1):
                    worst[part][at + side] = max(worst[part][at + side], found[side])
    columns = [
        {"key": "part", "label": {"zh": "部件", "en": "part"}},
        {"key": "library", "label": {"zh": "对照", "en": "against"}},
        {"key": "output", "label": {"zh": "输出最大差（fp32）", "en": "outputs differ by at most (fp32)"}},
        {
            "key": "gradient",
            "label": {"zh": "梯度最大差（fp32）", "en": "gradients differ by at most (fp32)"},
        },
        {"key": "double", "label": {"zh": "两者最大差（fp64）", "en": "either, at most (fp64)"}},
    ]
    rows = []
    for part, (zh, en, library) in PARTS.items():
        output, gradient, *double = worst[part]
        rows.append({"part": {"zh": zh, "en": en}, "library": library, "output": f"{output:.1e}",
                     "gradient": f"{gradient:.1e}", "double": f"{max(double):.1e}"})  # fmt: skip
        run.metric(f"{part}_output", output, unit="score", better="lower", n=len(run.params["sizes"]),
                   label={"zh": f"{zh}：输出最大差", "en": f"{en}: outputs differ by at most"})  # fmt: skip
        run.metric(f"{part}_gradient", gradient, unit="score", better="lower", n=len(run.params["sizes"]),
                   label={"zh": f"{zh}：梯度最大差", "en": f"{en}: gradients differ by at most"})  # fmt: skip
    run.table("parts", columns=columns, rows=rows)
    run.metric("worst", max(v for one in worst.values() for v in one[:2]), unit="score", better="lower", n=len(PARTS),
               label={"zh": "所有部件的最大差（fp32）", "en": "largest difference of any part (fp32)"})  # fmt: skip
    run.metric("worst_double", max(v for one in worst.values() for v in one[2:]), unit="score", better="lower",
               n=len(PARTS), label={"zh": "所有部件的最大差（fp64）", "en": "largest difference of any part (fp64)"})  # fmt: skip
