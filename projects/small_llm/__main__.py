"""`python -m projects.small_llm verdict "…"`: the published model's verdict on a film review, and the sentence that it rests on."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from projects.chat.errors import ChatError
from projects.sentiment.text import clean
from projects.small_llm.chat import decode_prompt

MODEL = Path(__file__).resolve().parents[2] / "build" / "derived" / "small_llm" / "model-q8_0.gguf"


@click.group()
def main() -> None:
    """The small LLaMA that was tuned to judge film reviews in English."""


@main.command()
@click.argument("review", required=False)
@click.option("--model", type=click.Path(path_type=Path), default=MODEL, help="A GGUF of the tuned model.")
@click.option("--json", "as_json", is_flag=True, help="Print the margins of all sentences as JSON.")
def verdict(review: str | None, model: Path, as_json: bool) -> None:  # noqa: FBT001
    """Say whether REVIEW (or standard input) is positive or negative, and quote the sentence that speaks most for it."""
    from projects.small_llm.reasons import Judge, judge_with_reason, places_of

    try:
        text = clean(decode_prompt(sys.stdin.buffer.read() if review is None else os.fsencode(review)))
        places_of(text)  # an empty review is told before a model loads
        with Judge(model) as judge:
            found = judge_with_reason(text, judge.margin)
    except (ChatError, ValueError, MemoryError) as error:  # the latter two: llama.cpp cannot load the model
        raise click.ClickException(str(error)) from None
    reason = found.reason.quoted(text) if found.reason else None
    if as_json:
        margins = [{"sentence": one.quoted(text), "margin": round(one.margin, 3)} for one in found.sentences]
        said = {
            "verdict": found.word,
            "margin": round(found.margin, 3),
            "reason": reason,
            "sentences": margins,
        }
        click.echo(json.dumps(said, ensure_ascii=False, indent=1))
        return
    click.echo(found.word)
    if reason:
        click.echo(f"“{reason}”")
    elif len(found.sentences) == 1:
        click.echo("(a single sentence: there is nothing to choose a reason from)")
    else:
        click.echo("(no reason: each sentence alone speaks against it)")


if __name__ == "__main__":
    main(prog_name="python -m projects.small_llm")
