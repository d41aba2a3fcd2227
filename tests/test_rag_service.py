"""The HTTP interface: answers, sessions, uploads, limits, faults; and what is left after kill -9."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from projects.chat.client import Endpoint
from projects.chat.errors import ServerError
from projects.rag.answer import MAX_QUESTION
from projects.rag.base import load_base, update_base
from projects.rag.conversation import KEEP, Sessions, UnknownSession
from projects.rag.library import Library
from projects.rag.limits import Buckets, _network
from projects.rag.load import serving
from projects.rag.service import Settings, create_app

ROOT = Path(__file__).parents[1]
KEY = {"x-api-key": "key"}
TEXT = """# Returns

You may return an article within 30 days of delivery.

Gold members have 60 days for a return.

# Shipping

Standard shipping to Norway costs 11.90 EUR and takes 4 working days.
"""


def documents(folder: Path) -> Path:
    folder.mkdir()
    (folder / "terms.md").write_text(TEXT, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("seeded")
    Library(root / "data", documents(root / "seed"))
    return root


@pytest.fixture
def library(tmp_path: Path, seeded: Path) -> Library:
    """On a copy of what was read and embedded once."""
    shutil.copytree(seeded, tmp_path, dirs_exist_ok=True)
    return Library(tmp_path / "data", tmp_path / "seed")


@pytest.fixture
def sessions(tmp_path: Path) -> Sessions:
    return Sessions(tmp_path / "data" / "conversations.sqlite")


@pytest.fixture
def client(library: Library, sessions: Sessions) -> Iterator[TestClient]:
    settings = Settings(upload_key="key", requests_per_s=1000, burst=1000, quiet=True)
    with TestClient(create_app(library, sessions, None, settings), raise_server_exceptions=False) as opened:
        yield opened


def ask(client: TestClient, question: str = "How long can I return an article?", **more: object) -> dict:  # type: ignore[type-arg]
    done = client.post("/v1/answers", json={"question": question, **more})
    assert done.status_code == 200, done.text
    return dict(done.json())


def events(text: str) -> list[tuple[str, dict]]:  # type: ignore[type-arg]
    found = re.findall(r"event: (\w+)\ndata: (.*)\n\n", text)
    return [(name, json.loads(body)) for name, body in found]


def upload(client: TestClient, name: str, body: bytes, **headers: str) -> tuple[int, str]:
    done = client.post("/v1/documents", files={"file": (name, body)}, headers={**KEY, **headers})
    return done.status_code, done.json().get("error", {}).get("code", "")


# -- answers ---------------------------------------------------------------------------------------


def test_an_answer_names_its_sources(client: TestClient) -> None:
    answer = ask(client)
    assert "30 days" in answer["answer"]
    assert answer["mode"] == "extractive"
    assert answer["note"]
    assert answer["citations"][0]["document"] == "terms.md"


def test_events_give_the_sentences_and_then_the_same_answer(client: TestClient) -> None:
    asked = {"question": "How long can I return an article?"}
    done = client.post("/v1/answers", json=asked, headers={"accept": "text/event-stream"})
    assert done.headers["content-type"].startswith("text/event-stream")
    *sentences, (last, answer) = events(done.text)
    assert last == "answer"
    assert [{"text": body["text"], "citations": body["citations"]} for _, body in sentences] == answer[
        "sentences"
    ]
    assert answer["answer"] == ask(client)["answer"]


def test_a_follow_up_is_understood_within_its_session(client: TestClient) -> None:
    session = client.post("/v1/sessions").json()["session"]
    ask(client, "How much is shipping to Norway?", session=session)
    assert "shipping to Norway" in ask(client, "how long?", session=session)["understood"]
    assert ask(client, "how long?")["understood"] == "how long?"


def test_a_session_outlives_a_restart(client: TestClient, library: Library, tmp_path: Path) -> None:
    session = client.post("/v1/sessions").json()["session"]
    ask(client, "How much is shipping to Norway?", session=session)
    again = create_app(
        library, Sessions(tmp_path / "data" / "conversations.sqlite"), None, Settings(quiet=True)
    )
    with TestClient(again) as other:
        assert "Norway" in ask(other, "how long?", session=session)["understood"]


def test_unknown_deleted_and_expired_sessions_are_404(client: TestClient, tmp_path: Path) -> None:
    session = client.post("/v1/sessions").json()["session"]
    assert client.delete(f"/v1/sessions/{session}").status_code == 204
    for one in (session, "never-was"):
        done = client.post("/v1/answers", json={"question": "Why?", "session": one})
        assert (done.status_code, done.json()["error"]["code"]) == (404, "unknown_session")
    short = Sessions(tmp_path / "short.sqlite", expire_s=0.05)
    old = short.create()
    time.sleep(0.1)
    with pytest.raises(UnknownSession):
        short.history(old)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"question": "x" * 100_000}, 413),
        ({"question": "x" * 2001}, 422),
        ({"question": "   "}, 422),
        ({"question": "a\x00b"}, 422),
        ({"question": "Why?", "mode": "generated"}, 422),
        ({}, 422),
    ],
)
def test_bad_questions_have_their_status_and_the_service_goes_on(
    client: TestClient, body: object, status: int
) -> None:
    done = client.post("/v1/answers", json=body)
    assert done.status_code == status
    assert done.json()["error"]["message"]
    assert len(done.text) < 1000
    assert "30 days" in ask(client)["answer"]


def test_follow_ups_upon_follow_ups_do_not_grow_without_end(client: TestClient, sessions: Sessions) -> None:
    session = client.post("/v1/sessions").json()["session"]
    long = "And how long does it take " + "for that one " * 140
    for _ in range(12):
        ask(client, long, session=session)
    kept = sessions.history(session).messages
    assert max(len(str(one.content)) for one in kept if one.type == "human") <= MAX_QUESTION
    with closing(sqlite3.connect(sessions._path)) as database:
        assert database.execute("SELECT count(*) FROM messages").fetchone() == (KEEP,)


def test_conversations_that_cannot_be_kept_are_507_and_questions_alone_go_on(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = client.post("/v1/sessions").json()["session"]

    def full(*_: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorname = "SQLITE_FULL"
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("projects.rag.conversation.Sessions.history", full)
        done = client.post("/v1/answers", json={"question": "How long?", "session": session})
        assert (done.status_code, done.json()["error"]["code"]) == (507, "storage")
        assert "30 days" in ask(client)["answer"]


def test_what_expired_is_forgotten_when_a_service_starts(tmp_path: Path) -> None:
    old = Sessions(tmp_path / "c.sqlite", expire_s=0.0)
    old.create()
    Sessions(tmp_path / "c.sqlite", expire_s=0.0)
    with closing(sqlite3.connect(tmp_path / "c.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM sessions").fetchone() == (0,)


def test_what_the_models_provider_says_is_for_the_operator_only(
    library: Library, sessions: Sessions, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise ServerError("the model server refused (HTTP 401): Incorrect API key provided: sk-secret")

    monkeypatch.setattr("projects.rag.answer._Speech.sentences", refused)
    remote = Endpoint("http://127.0.0.1:9/v1", "m", timeout_s=2)
    with TestClient(create_app(library, sessions, remote, Settings(quiet=True))) as client:
        done = client.post("/v1/answers", json={"question": "How long can I return an article?"})
    assert done.json()["reason"] == "model"
    assert "sk-secret" not in done.text
    assert "sk-secret" in capsys.readouterr().out


def test_a_model_server_that_is_gone_leaves_quotations(library: Library, sessions: Sessions) -> None:
    gone = Endpoint("http://127.0.0.1:9/v1", "m", embedded=True, timeout_s=2)
    with TestClient(create_app(library, sessions, gone, Settings(quiet=True))) as client:
        answer = ask(client)
    assert answer["mode"] == "extractive"
    assert answer["reason"].startswith(("model", "time"))


# -- uploads ---------------------------------------------------------------------------------------


def test_an_uploaded_document_is_answered_from_and_can_be_opened(client: TestClient) -> None:
    assert upload(client, "gifts.md", b"# Gifts\n\nGift wrapping costs 3.50 EUR for each parcel.\n") == (
        201,
        "",
    )
    answer = ask(client, "How much does gift wrapping cost?")
    assert "3.50 EUR" in answer["answer"]
    assert client.get(f"/v1/documents/{answer['citations'][0]['document']}").status_code == 200


def test_uploads_want_the_key(client: TestClient, library: Library, sessions: Sessions) -> None:
    assert upload(client, "a.md", b"# A\n\nText.", **{"x-api-key": "wrong"})[0] == 401
    with TestClient(create_app(library, sessions, None, Settings(quiet=True))) as closed:
        assert upload(closed, "a.md", b"# A\n\nText.")[0] == 403


def test_a_body_of_unknown_length_is_413_once_it_is_too_large(client: TestClient) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(60):
            yield b"x" * 2**20

    headers = {**KEY, "content-type": "multipart/form-data; boundary=b"}
    done = client.post("/v1/documents", content=pieces(), headers=headers)
    assert (done.status_code, done.json()["error"]["code"]) == (413, "too_large")


def test_without_the_key_no_large_body_is_read(client: TestClient) -> None:
    assert upload(client, "a.md", b"x" * 200_000, **{"x-api-key": "wrong"}) == (413, "too_large")


def zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * 30_000_000)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("big.pdf", lambda: b"%PDF-" + bytes(51 * 2**20), (413, "too_large")),
        ("tool.exe", lambda: b"MZ", (415, "unsupported")),
        ("picture.pdf", lambda: b"\x89PNG\r\n\x1a\n\0\0", (422, "wrong_type")),
        ("empty.pdf", lambda: b"", (422, "empty")),
        ("bomb.xlsx", zip_bomb, (422, "bomb")),
        ("locked.xlsx", lambda: b"\xd0\xcf\x11\xe0" + bytes(600), (422, "encrypted")),
        ("../../evil.md", lambda: b"# A\n\nText.", (400, "bad_name")),
        ("..\\evil.md", lambda: b"# A\n\nText.", (400, "bad_name")),
        (".hidden.md", lambda: b"# A\n\nText.", (400, "bad_name")),
        ("a" * 300 + ".md", lambda: b"# A\n\nText.", (400, "bad_name")),
    ],
)
def test_bad_uploads_have_their_status_and_leave_nothing(
    client: TestClient, tmp_path: Path, name: str, body: Callable[[], bytes], expected: tuple[int, str]
) -> None:
    assert upload(client, name, body()) == expected
    assert list((tmp_path / "data" / "documents" / "uploads").iterdir()) == []
    assert not list(tmp_path.rglob("evil*"))
    assert "30 days" in ask(client)["answer"]


@pytest.mark.parametrize(
    "path", ["../base/store/passages.jsonl", "%2e%2e/conversations.sqlite", "/etc/passwd"]
)
def test_only_documents_of_the_base_can_be_opened(client: TestClient, path: str) -> None:
    assert client.get(f"/v1/documents/{path}").status_code == 404


def test_a_full_disk_is_507_and_nothing_changes(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("projects.rag.ingest.os.fsync", full)
        assert upload(client, "gifts.md", b"# Gifts\n\nWrapping costs 3.50 EUR.") == (507, "storage")
    assert list((tmp_path / "data" / "documents" / "uploads").iterdir()) == []
    assert "30 days" in ask(client)["answer"]
    assert upload(client, "gifts.md", b"# Gifts\n\nWrapping costs 3.50 EUR.") == (201, "")


# -- operation -------------------------------------------------------------------------------------


def test_too_many_requests_are_429_with_a_time_to_wait(library: Library, sessions: Sessions) -> None:
    with TestClient(
        create_app(library, sessions, None, Settings(requests_per_s=0.1, burst=2, quiet=True))
    ) as client:
        codes = [client.post("/v1/sessions").status_code for _ in range(3)]
        refused = client.post("/v1/sessions")
        assert codes == [201, 201, 429]
        assert int(refused.headers["retry-after"]) >= 1
        assert client.get("/health").status_code == 200


def test_a_network_of_ipv6_is_one_customer() -> None:
    assert _network("2001:db8::1") == _network("2001:db8::ffff") != _network("2001:db8:1::1")
    assert _network("203.0.113.7") == "203.0.113.7" != _network("203.0.113.8")
    assert _network("testclient") == "testclient"


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    buckets = Buckets(1.0, 1, clock=lambda: now[0])
    assert buckets.wait("a") == 0
    assert buckets.wait("a") == 1
    assert buckets.wait("b") == 0
    now[0] = 1.0
    assert buckets.wait("a") == 0


def test_metrics_count_and_the_log_holds_no_words(
    library: Library, sessions: Sessions, capsys: pytest.CaptureFixture[str]
) -> None:
    with TestClient(create_app(library, sessions, None)) as client:
        session = client.post("/v1/sessions").json()["session"]
        ask(client, "How long can Mrs Miller return an article?", session=session)
        shown = client.get("/metrics").text
    assert 'rag_answers_total{lang="en",mode="extractive"} 1.0' in shown
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert {"route": "/v1/answers", "status": 200}.items() <= lines[-2].items()
    assert "Miller" not in str(lines)
    assert session not in str(lines)


def test_schemathesis_finds_no_fault(library: Library, sessions: Sessions) -> None:
    """Requests made from the interface's own description, good and bad: no 5xx, no answer that it does not describe."""
    import schemathesis
    from hypothesis import HealthCheck, Phase, settings
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

    options = Settings(upload_key="key", requests_per_s=1e6, burst=10**6, quiet=True)
    app = create_app(library, sessions, None, options)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    checks = [not_a_server_error, status_code_conformance, response_schema_conformance]
    tried: set[str] = set()

    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=15, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        def attack(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=checks, headers=KEY if case.path == "/v1/documents" else None)

        from hypothesis import given

        given(case=operation.as_strategy())(attack)()
        tried.add(f"{operation.method.upper()} {operation.path}")
    assert len(tried) == 7


# -- kill -9 ---------------------------------------------------------------------------------------


def test_a_killed_ingest_leaves_the_old_base_working(tmp_path: Path) -> None:
    folder, home = documents(tmp_path / "docs"), tmp_path / "home"
    update_base(folder, home)
    (folder / "more.md").write_text(
        "# More\n\n" + "\n\n".join(f"Article {n} costs {n} EUR." * 8 for n in range(400))
    )
    # Of the three encoders the quickest to load: it is killed before any vector is written.
    code = f"from pathlib import Path; from projects.rag import base; base.ENCODERS = {{'use': 'use_m3'}}; from projects.rag.base import update_base; update_base(Path({str(folder)!r}), Path({str(home)!r}), progress=lambda done, total, what: print(done, what, flush=True))"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    for line in process.stdout:
        if "embedding" in line:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    (folder / "more.md").write_text("# More\n\nArticle 7 costs 70 EUR.")
    update_base(folder, home)
    found = load_base(home).find("What does article 7 cost?")
    assert "70 EUR" in found.passages[0].text
    assert not list(home.glob(".*.tmp"))


def test_a_service_killed_in_an_answer_starts_again_with_its_conversations(tmp_path: Path) -> None:
    seed = documents(tmp_path / "seed")

    def start() -> tuple[subprocess.Popen[str], str]:
        import socket

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "projects.rag", "serve", "--port", str(port), "--folder", str(seed)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
        process = subprocess.Popen(
            [*command, "--data", str(tmp_path / "data")],
            cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if httpx.get(f"{address}/health", timeout=1).status_code == 200:
                    return process, address
            except httpx.HTTPError:
                time.sleep(0.1)
        process.kill()
        raise AssertionError("the service did not start")

    import httpx

    first, address = start()
    session = httpx.post(f"{address}/v1/sessions").json()["session"]
    asked = {"question": "How much is shipping to Norway?", "session": session}
    httpx.post(f"{address}/v1/answers", json=asked, timeout=30).raise_for_status()
    with httpx.stream(
        "POST", f"{address}/v1/answers", json=asked, headers={"accept": "text/event-stream"}, timeout=30
    ):
        first.kill()
        first.wait()
    with serving(tmp_path / "data") as (address, _):
        follow = {"question": "how long?", "session": session}
        answer = httpx.post(f"{address}/v1/answers", json=follow, timeout=30).json()
    assert "Norway" in answer["understood"]
