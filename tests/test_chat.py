"""The one chat interface: the embedded server, the choice of server, and what goes wrong with either."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from projects.chat.client import Endpoint, configured, open_chat
from projects.chat.embedded import default_gguf, serve_gguf
from projects.chat.errors import ChatError, ModelFileError, PromptTooLong, ServerError, SettingsError, explain

ASK = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with open_chat(gguf=default_gguf(), n_ctx=512, threads=1) as opened:
        yield opened


def fault(call: Callable[[], object]) -> ChatError:
    """What `explain` makes of the error that a call raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which kind is what the caller asserts
        call()
    return explain(caught.value)


@contextmanager
def server_that(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[Endpoint]:
    """A server whose every answer is written by `answer`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield Endpoint(f"http://127.0.0.1:{server.server_port}/v1", "m", embedded=True, timeout_s=5)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_embedded_model_answers_the_openai_client(endpoint: Endpoint) -> None:
    done = endpoint.openai().chat.completions.create(
        model=endpoint.model, messages=ASK, temperature=0, max_tokens=16
    )
    assert endpoint.embedded
    assert done.model == endpoint.model
    assert len((done.choices[0].message.content or "").split()) > 3


def test_langchain_streams_the_same_words(endpoint: Endpoint) -> None:
    llm = endpoint.langchain(temperature=0, max_tokens=8)
    streamed = [str(chunk.content) for chunk in llm.stream("Say hello.")]
    assert sum(map(bool, streamed)) > 1
    assert "".join(streamed) == llm.invoke("Say hello.").content


def test_a_prompt_over_the_context_names_both_sizes(endpoint: Endpoint) -> None:
    found = fault(lambda: endpoint.langchain().invoke("word " * 600))
    assert isinstance(found, PromptTooLong)
    assert "the context holds 512" in str(found)
    assert endpoint.langchain(max_tokens=3).invoke("Still there?").content


def test_the_server_ends_with_its_context() -> None:
    with serve_gguf(default_gguf(), n_ctx=256, threads=1) as serving:
        closed = Endpoint(serving.base_url, serving.model, embedded=True, timeout_s=20)
        assert closed.langchain(max_tokens=2).invoke(
            "Hello!"
        )  # it runs: ending one that still starts can hang
    found = fault(lambda: closed.langchain().invoke("Anybody?"))
    assert isinstance(found, ServerError)
    assert "cannot be reached" in str(found)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an empty file"),
        (b"PK\x03\x04 a zip", "PK"),
        (b"GGUF" + bytes(range(256)) * 9, "cut off or damaged"),
    ],
)
def test_what_is_no_gguf_is_refused_by_name(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=said) as caught, serve_gguf(path):
        pass
    assert str(path) in str(caught.value)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="does not exist"), serve_gguf(tmp_path / "no.gguf"):
        pass
    with pytest.raises(ModelFileError, match="is a folder"), serve_gguf(tmp_path):
        pass


def test_a_truncated_model_is_said_to_be_cut_off(tmp_path: Path) -> None:
    whole = default_gguf()
    path = tmp_path / "model.gguf"
    with whole.open("rb") as source:
        path.write_bytes(source.read(whole.stat().st_size // 2))
    with pytest.raises(ModelFileError, match="cut off"), serve_gguf(path):
        pass


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=f"port {port}"), serve_gguf(default_gguf(), port=port):
            pass


def test_the_environment_names_a_server() -> None:
    assert configured({}) is None
    gpt = configured({"OPENAI_API_KEY": "sk-x"})
    assert gpt == Endpoint("https://api.openai.com/v1", "gpt-4", "sk-x")
    own = configured({"OPENAI_BASE_URL": "http://localhost:9/v1/", "OPENAI_MODEL": "qwen"})
    assert own == Endpoint("http://localhost:9/v1", "qwen", "none")


@pytest.mark.parametrize("env", [{"OPENAI_BASE_URL": "localhost:9"}, {"OPENAI_MODEL": "gpt-4"}])
def test_settings_that_make_no_sense_are_refused(env: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=next(iter(env))):
        configured(env)


def test_a_key_is_never_shown() -> None:
    assert "sk-secret" not in repr(configured({"OPENAI_API_KEY": "sk-secret"}))


def test_an_experiments_model_is_served_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with open_chat() as named:
        assert named.base_url == "http://127.0.0.1:9/v1"
    with open_chat(gguf=default_gguf(), n_ctx=256, threads=1) as served:
        assert served.embedded  # and ends at once, unasked


def test_chat_gguf_names_the_embedded_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CHAT_GGUF", str(tmp_path / "mine.gguf"))
    with pytest.raises(ModelFileError, match=r"mine\.gguf"), open_chat():
        pass


def test_a_server_gone_in_the_middle_of_an_answer_is_said() -> None:
    def half(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("content-length", "10000")
        handler.end_headers()
        piece = '{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Half"}}]}'
        handler.wfile.write(f"data: {piece}\n\n".encode())

    seen: list[str] = []
    with server_that(half) as broken:
        found = fault(lambda: seen.extend(str(one.content) for one in broken.langchain().stream("Tell me.")))
    assert isinstance(found, ServerError)
    assert seen == ["Half"]


def test_a_refusing_server_is_quoted() -> None:
    def refuse(handler: BaseHTTPRequestHandler) -> None:
        body = b'{"error": {"message": "out of credit", "type": "quota"}}'
        handler.send_response(429)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with server_that(refuse) as broke:
        found = fault(lambda: broke.langchain().invoke("Tell me."))
    assert isinstance(found, ServerError)
    assert "429" in str(found)
    assert "out of credit" in str(found)
