"""Code in a post is the project's own, quoted by symbol."""

from __future__ import annotations

import pytest

from verifolio.errors import AuthorError
from verifolio.quote import MAX_LINES, quote_code

CODE = """import functools

LIMIT = 3
count: int = 0


@functools.cache
def decorated(x):
    return x


class Model:
    depth = 2

    def forward(self, x):
        return x * self.depth
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "code.py").write_text(CODE, encoding="utf-8")
    (tmp_path / "run.sh").write_text("echo 1\necho 2\n", encoding="utf-8")
    (tmp_path / "long.py").write_text("x = 1\n" * (MAX_LINES + 1), encoding="utf-8")
    (tmp_path / "broken.py").write_text("x = 1\ndef (\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("target", "lines", "first", "last", "text"),
    [
        ("code.py#LIMIT", "", 3, 3, "LIMIT = 3"),
        ("code.py#count", "", 4, 4, "count: int = 0"),
        ("code.py#decorated", "", 7, 9, "@functools.cache\ndef decorated(x):\n    return x"),
        ("code.py#decorated", "2-3", 8, 9, "def decorated(x):\n    return x"),
        ("code.py#Model.forward", "", 15, 16, "def forward(self, x):\n    return x * self.depth"),
        ("code.py#Model.depth", "", 13, 13, "depth = 2"),
        ("code.py#Model", "1", 12, 12, "class Model:"),
        ("code.py#Model", "4-99", 15, 16, "def forward(self, x):\n    return x * self.depth"),
        ("run.sh", "2", 2, 2, "echo 2"),
    ],
)
def test_a_quotation_holds_the_symbol_and_its_place(root, target, lines, first, last, text):
    quote = quote_code(root, target, lines)
    assert (quote.first_line, quote.last_line, quote.text) == (first, last, text)


@pytest.mark.parametrize(
    ("target", "lines", "message"),
    [
        ("gone.py", "", "no file gone.py"),
        ("", "", "no file"),
        ("../../../../../../etc/hostname", "", "no file"),
        ("code.py#Modle", "", "did you mean ‘Model’?"),
        ("code.py#Model.backward", "", "has no symbol"),
        ("code.py#LIMIT.x", "", "has no symbol"),
        ("run.sh#main", "", "symbols are known in Python files only"),
        ("code.py#Model", "two", "is not a range"),
        ("code.py#Model", "0-2", "is not a range"),
        ("code.py#Model", "3-2", "is not a range"),
        ("code.py#Model", "9-12", "has no line 9"),
        ("long.py", "", f"has {MAX_LINES + 1} lines, a quotation at most {MAX_LINES}"),
        ("broken.py#x", "", "broken.py:2: not valid Python"),
    ],
)
def test_a_quotation_that_cannot_be_says_why(root, target, lines, message):
    with pytest.raises(AuthorError) as caught:
        quote_code(root, target, lines)
    assert message in str(caught.value)
