"""Prompting: kept replies, the cap on cost, reading replies, scores; against a local server that speaks OpenAI's protocol."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from projects.chat.client import Endpoint
from projects.chat.errors import ServerError
from projects.prompting import scoring
from projects.prompting.answers import distractors, question_of
from projects.prompting.ask import Asker, Rehearsal, user
from projects.prompting.cache import CacheError, ReplyCache, key_of
from projects.prompting.cost import Budget, CostLimit, Price, count_at_most, price_of, read_price
from projects.prompting.documents import load_facts, read_passages
from projects.prompting.followups import CONVERSATIONS, recall
from projects.prompting.gate import serve_asker
from projects.prompting.summaries import thirds

ROOT = Path(__file__).parents[1]


@dataclasses.dataclass
class Fake:
    """A server that answers every question with `positive` and remembers what it was asked."""

    endpoint: Endpoint
    asked: list[dict]


@pytest.fixture
def fake() -> Iterator[Fake]:
    asked: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            choice = {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "positive"},
            }
            usage = {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11}
            sent = json.dumps(
                {
                    "id": "1",
                    "object": "chat.completion",
                    "created": 0,
                    "model": "m",
                    "choices": [choice],
                    "usage": usage,
                }
            ).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/v1"
    yield Fake(Endpoint(address, "gpt-4", "key", embedded=True, timeout_s=5), asked)
    server.shutdown()
    server.server_close()
    thread.join()


# -- kept replies ---------------------------------------------------------------------------------


def test_the_same_question_is_asked_once_and_then_kept(fake: Fake, tmp_path: Path) -> None:
    for _ in range(2):
        asker = Asker(fake.endpoint, "sha256:a", ReplyCache(tmp_path / "replies.sqlite"))
        assert asker.ask(user("Good?"), max_tokens=4).text == "positive"
    assert (len(fake.asked), asker.asked, asker.kept) == (1, 0, 1)


@pytest.mark.parametrize(
    ("model", "text", "options"),
    [("other", "Good?", {}), ("sha256:a", "Bad?", {}), ("sha256:a", "Good?", {"max_tokens": 5})],
)
def test_another_model_question_or_parameter_is_another_reply(model: str, text: str, options: dict) -> None:
    assert key_of(model, user(text), options) != key_of("sha256:a", user("Good?"), {})


def test_a_damaged_file_of_replies_is_named(tmp_path: Path) -> None:
    path = tmp_path / "replies.sqlite"
    path.write_bytes(b"no database at all, but long enough to be one" * 9)
    with pytest.raises(CacheError, match="delete the file"):
        ReplyCache(path)
    assert path.stat().st_size


# -- cost -----------------------------------------------------------------------------------------


def test_the_cap_stops_before_the_request_that_could_go_over(fake: Fake, tmp_path: Path) -> None:
    budget = Budget(Price(1e5, 1e5), limit=4.0)  # a reply costs 1.10 dollars, and may cost up to 2.50 or so
    asker = Asker(fake.endpoint, "m", ReplyCache(tmp_path / "r.sqlite"), budget)

    def ask_nine() -> None:
        for number in range(9):
            asker.ask(user(f"Good? {number}"), max_tokens=8)

    with pytest.raises(CostLimit, match="stopped before spending"):
        ask_nine()
    assert 0 < budget.spent <= budget.limit
    assert len(fake.asked) == asker.asked == round(budget.spent / 1.1)


def test_a_kept_reply_costs_nothing_even_with_the_cap_at_zero(fake: Fake, tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path / "r.sqlite")
    Asker(fake.endpoint, "m", cache).ask(user("Good?"), max_tokens=8)
    assert Asker(fake.endpoint, "m", cache, Budget(Price(30, 60), 0)).ask(user("Good?"), max_tokens=8).text


def test_a_rehearsal_sends_nothing_and_is_never_below_the_bill(fake: Fake, tmp_path: Path) -> None:
    price = Price(30, 60)
    rehearsal = Rehearsal("m", ReplyCache(tmp_path / "r.sqlite"), price)
    rehearsal.ask(user("Good?"), max_tokens=8)
    assert not fake.asked
    assert rehearsal.cost >= price.of(10, 1)


def test_the_estimate_of_tokens_errs_on_the_dear_side() -> None:
    assert count_at_most(user("one two three four")) > 4 * 1.3
    assert count_at_most(user("退货要几天")) >= 10


def test_a_model_without_a_price_is_refused_with_the_way_out() -> None:
    assert price_of("gpt-4").output == 60
    with pytest.raises(CostLimit, match="--price"):
        price_of("gpt-99")


@pytest.mark.parametrize("text", ["2.5", "a/b", "-1/2", "1/nan", "1/2/3"])
def test_a_price_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CostLimit, match="IN/OUT"):
        read_price(text)


def test_the_gate_gives_foreign_tools_the_same_cap(fake: Fake, tmp_path: Path) -> None:
    import openai

    asker = Asker(fake.endpoint, "m", ReplyCache(tmp_path / "r.sqlite"), Budget(Price(30, 60), 0.0005))
    with serve_asker(asker) as address:
        client = openai.OpenAI(base_url=address, api_key="none", max_retries=0)
        ask = lambda text, most: client.chat.completions.create(  # noqa: E731
            model="gpt-4", messages=user(text), max_tokens=most
        )
        assert [ask("Good?", 1).choices[0].message.content for _ in range(2)] == ["positive"] * 2
        with pytest.raises(openai.APIStatusError, match="stopped before spending"):
            ask("Good?", 4000)
    assert len(fake.asked) == 1


def test_a_server_that_is_gone_is_named(tmp_path: Path) -> None:
    gone = Endpoint("http://127.0.0.1:9/v1", "m", embedded=True, timeout_s=2)
    with pytest.raises(ServerError, match="cannot be reached"):
        Asker(gone, "m", ReplyCache(tmp_path / "r.sqlite")).ask(user("Good?"), max_tokens=1)


def test_the_command_refuses_to_start_above_the_cap(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from projects.prompting.__main__ import main

    monkeypatch.setenv("OPENAI_BASE_URL", fake.endpoint.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    monkeypatch.setenv("OPENAI_MODEL", "gpt-4")
    assert main(["followups", "--profile", "smoke"]) == 1
    assert "nothing was sent" in capsys.readouterr().err
    assert not fake.asked


# -- reading replies ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Positive.", 1),
        ("It is negative", 0),
        ("not positive but negative", None),
        ("great", None),
        ("", None),
    ],
)
def test_a_label_is_read_only_if_exactly_one_is_named(text: str, label: int | None) -> None:
    assert scoring.label_said(text) == label


@pytest.mark.parametrize(
    ("text", "label"),
    [('{"sentiment": "positive"}', 1), ('Sure: {"sentiment": "positive"}', None), ('["positive"]', None),
     ('{"sentiment": "mixed"}', None), ('{"sentiment": ["positive"]}', None)],
)  # fmt: skip
def test_only_a_whole_json_reply_parses(text: str, label: int | None) -> None:
    assert scoring.label_in_json(text) == label


@pytest.mark.parametrize(
    ("text", "answer", "there"),
    [("You have 45 days.", "45 days", True), ("It costs 1,200 EUR", "1200 EUR", True), ("150 EUR", "50 EUR", False),
     ("by 17:00.", "17:00", True), ("free of charge", "free of charge|nothing", True), ("a 1.5 % fee", "1.5 %", True),
     ("1.55 %", "1.5 %", False), ("1.5% per euro", "1.5 %", True), ("It costs 45 EUR.", "45.00 EUR", True),
     ("45.001 EUR", "45.00 EUR", False)],
)  # fmt: skip
def test_an_answer_counts_only_as_whole_words_and_numbers(text: str, answer: str, *, there: bool) -> None:
    assert scoring.holds(text, answer) is there


def test_f1_is_squads() -> None:
    assert scoring.word_f1("the 45 days", "45 days") == 1
    assert scoring.word_f1("within 45 days", "45 days") == pytest.approx(0.8)
    assert scoring.word_f1("no idea", "45 days") == 0


def test_numbers_and_names_are_looked_up_in_the_source() -> None:
    source = "The film was made by Brad Silberling in 2006 for 1,000 dollars."
    assert scoring.supported("It is by Brad Silberling, from 2006, for 1000 dollars.", source) == (3, 3)
    assert scoring.supported("It is by Ang Lee, from 2005.", source) == (0, 2)
    assert scoring.supported("1. Made in 2006.\n2. Made in 2006.\n3. Made in 2007.", source) == (1, 2)


# -- data -----------------------------------------------------------------------------------------


def test_every_question_has_its_answer_in_its_passage() -> None:
    facts = load_facts(ROOT, "test")
    assert len(facts) >= 20
    assert all(
        fact.passage in read_passages(ROOT / f"projects/rag/knowledge/sources/en/{fact.document}.md")
        for fact in facts
    )


def test_the_right_passage_stands_where_the_condition_says() -> None:
    fact = load_facts(ROOT, "test")[0]
    others = [f"Idle sentence {number}." for number in range(8)]

    def shown(condition: str) -> list[str]:
        text = question_of(condition, fact, others, 4)[-1]["content"]
        return [line.removeprefix("- ") for line in text.splitlines() if line.startswith("- ")]

    assert shown("closed") == []
    assert shown("gold") == [fact.passage]
    places = {
        name: (shown(name).index(fact.passage), len(shown(name)))
        for name in ("first", "middle", "last", "crowded")
    }
    assert places == {"first": (0, 5), "middle": (2, 5), "last": (4, 5), "crowded": (4, 9)}


def test_no_distractor_holds_the_answer() -> None:
    facts = load_facts(ROOT, "test")
    passages = [one.passage for one in facts]
    for number, fact in enumerate(facts):
        others = distractors(fact, passages, 8, seed=number)
        assert len(others) == 8
        assert not any(scoring.holds(one, fact.answer) for one in others)


def test_every_follow_up_has_its_answer_in_its_talk() -> None:
    talks = yaml.safe_load(CONVERSATIONS.read_text("utf-8"))
    asked = [(talk["said"], one) for talk in talks for one in talk["asked"]]
    assert len(asked) >= 24
    for said, one in asked:
        assert scoring.holds(" ".join(f"{question} {answer}" for question, answer in said), one["answer"]), (
            one
        )


def test_thirds_lose_no_word() -> None:
    text = " ".join(str(i) for i in range(100))
    assert " ".join(thirds(text)) == text
    assert len(thirds(text)) == 3


def test_the_turn_most_like_the_question_is_recalled() -> None:
    said = [("Kettle?", "It holds 1.7 litres."), ("Lamp?", "A lamp costs 20 EUR.")]
    assert recall("How many litres does the kettle hold?", said) == said[0]
