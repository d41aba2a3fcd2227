"""What a demo's `publish:` and the portfolio's `publish.yml` may say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from verifolio.errors import AuthorError
from verifolio.files import read_yaml

SETTINGS = "publish.yml"


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a published app is asked for a recorded input: its endpoint, and which of its outputs answers."""

    api: str
    output: int = 0
    tolerance: float = 0.02  # of a score
    opening: int = 80  # characters of a text that must agree: long greedy texts part at near-ties
    extra: list[Any] = []  # further arguments of the endpoint, after the input


class ModelRepo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model repository: whose products it carries, and the result that its card tells."""

    name: str
    experiment: str  # its products are the files
    license: str
    base_model: str
    task: str = ""  # the hub's name of the task, for model-index
    dataset: str = ""
    library: str = "peft"
    metrics: list[str] = []  # keys of the result that the card shows; none: all


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One Space or Studio."""

    name: str = ""  # without owner; empty: the demo's slug
    sdk: Literal["gradio", "static"] = "gradio"
    hardware: str = ""  # Hugging Face: cpu-basic (paid) or zero-a10g (free); ModelScope: the free tier
    gpu: list[str] = []  # endpoints to run under @spaces.GPU; none: the CPU answers


class Publish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a demo is published and what its bundle holds."""

    ask: Ask | None = None
    weights: str = ""  # the experiment whose derived files lie in the bundle's model/
    take: list[str] = []  # of these files those that the app reads; none named: all
    reference: bool = False  # fetch the weights from the model repository at start instead
    files: list[str] = []  # further files of the project, by glob from the portfolio's root
    huggingface: list[Target] = []
    modelscope: list[Target] = []
    model_repo: ModelRepo | None = None


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose places these are: the one file that a fork edits."""

    huggingface: str = ""
    modelscope: str = ""
    site: str = ""

    def owner(self, hub: str) -> str:
        """Your name on a hub; raises when it is not set."""
        found: str = getattr(self, hub)
        if not found:
            hint = f"write your user or organisation name there: {SETTINGS}, ‘{hub}: NAME’"
            raise AuthorError(f"no owner for {hub}: nothing can be published there", path=SETTINGS, hint=hint)
        return found


def read_settings(root: Path) -> Settings:
    """`publish.yml`; without the file nothing is set."""
    path = root / SETTINGS
    if not path.exists():
        return Settings()
    try:
        return msgspec.convert(read_yaml(path, shown=SETTINGS) or {}, Settings)
    except msgspec.ValidationError as error:
        hint = "it holds huggingface:, modelscope: and site:, each a line of text"
        raise AuthorError(str(error), path=SETTINGS, hint=hint) from None
