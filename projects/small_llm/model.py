"""SmolLM2 from its GGUF: the model in float32, its tokenizer, its chat format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from projects.small_llm.gguf_files import open_gguf, read_weights
from projects.small_llm.reference import build_llama

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ROLES = ("system", "user", "assistant")


def load_base(path: Path) -> Any:
    """The GGUF's model as a LlamaForCausalLM in float32."""
    return build_llama(path, read_weights(path))


def load_tokenizer(path: Path) -> Tokenizer:
    """The byte-level BPE tokenizer that the GGUF carries (SmolLM's: each digit on its own)."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    fields = open_gguf(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    kinds = fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(pair.split(" ")) for pair in fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [token for token, kind in zip(tokens, kinds, strict=True) if kind == 3]  # 3: control tokens
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer


def chat_prompt(messages: list[dict[str, str]]) -> str:
    """Messages as ChatML, open for the assistant's turn; no system message is added."""
    for message in messages:
        if message.get("role") not in ROLES:
            raise ValueError(f"the role {message.get('role')!r} is unknown; roles are {', '.join(ROLES)}")
    turns = [f"<|im_start|>{one['role']}\n{one['content']}<|im_end|>\n" for one in messages]
    return "".join(turns) + "<|im_start|>assistant\n"


def check_length(ids: list[int], context: int) -> None:
    """A prompt that leaves no room is refused."""
    if len(ids) >= context:
        raise ValueError(f"the prompt has {len(ids)} tokens, the context holds {context}: shorten it")
