"""What an experiment rests on: the syntax of its code, and of all that it imports from here."""

from __future__ import annotations

import pytest

from verifolio.errors import AuthorError
from verifolio.fingerprint import Code, fingerprint_of
from verifolio.portfolio import read_portfolio
from verifolio.sources import syntax_hash

CODE = '''"""Adds."""
import math


class Adder:
    """Holds what is added."""

    def add(self, a, b=1):
        """The sum."""
        return a + b  # a comment
'''

SAME = {
    "another comment": CODE.replace("# a comment", "# reworded"),
    "no comment": CODE.replace("  # a comment", ""),
    "another docstring of a function": CODE.replace("The sum.", "What comes of a and b."),
    "another docstring of a class": CODE.replace("Holds what is added.", "Nothing more."),
    "no docstring of the module": CODE.replace('"""Adds."""\n', ""),
    "another layout": CODE.replace("a + b", "(\n            a\n            + b\n        )"),
    "other blank lines": CODE.replace("\n\n\n", "\n"),
}
OTHER = {
    "another operator": CODE.replace("a + b", "a - b"),
    "another default": CODE.replace("b=1", "b=2"),
    "another name": CODE.replace("def add", "def plus"),
    "another import": CODE.replace("math", "cmath"),
    "a string that is no docstring": CODE.replace("return a + b", 'return "The sum."'),
    "None for nothing": CODE.replace("return a + b", "return None"),
}


@pytest.mark.parametrize("changed", SAME.values(), ids=SAME)
def test_the_hash_is_independent_of(changed):
    assert changed != CODE
    assert syntax_hash(changed) == syntax_hash(CODE)


@pytest.mark.parametrize("changed", OTHER.values(), ids=OTHER)
def test_the_hash_depends_on(changed):
    assert syntax_hash(changed) != syntax_hash(CODE)


def test_a_bare_return_and_a_returned_none_may_not_be_confused_with_a_value():
    assert syntax_hash("def f():\n    return 0") != syntax_hash("def f():\n    return False")


def write(root, **files):
    for name, text in files.items():
        path = root / "projects" / (name.replace("__", "/", 1) + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "statement",
    [
        "import projects.x.helper",
        "from projects.x import helper",
        "from projects.x.helper import f",
        "from . import helper",
        "from .helper import f",
        "from ..x import helper",
        "def late():\n    from projects.x.helper import f",
        "if False:\n    from projects.x import helper",
    ],
)
def test_imports_are_followed_however_they_are_written(statement, tmp_path):
    write(tmp_path, x__main=statement, x__helper="from projects.y import deep", y__deep="import json")
    hashes = Code(tmp_path).hashes("projects.x.main")
    assert list(hashes) == ["projects/x/helper.py", "projects/x/main.py", "projects/y/deep.py"]


def test_modules_that_import_each_other_are_each_counted_once(tmp_path):
    write(tmp_path, x__a="from projects.x import b", x__b="from projects.x import a")
    assert list(Code(tmp_path).hashes("projects.x.a")) == ["projects/x/a.py", "projects/x/b.py"]


def test_a_module_that_nothing_imports_does_not_count(tmp_path):
    write(tmp_path, x__main="x = 1", x__other="y = 1")
    assert list(Code(tmp_path).hashes("projects.x.main")) == ["projects/x/main.py"]


def test_the_packages_own_init_counts_when_it_is_imported(tmp_path):
    write(tmp_path, x__main="import projects.x", x____init__="x = 1")
    assert len(Code(tmp_path).hashes("projects.x.main")) == 2


def test_a_missing_module_names_where_it_was_declared(tmp_path):
    with pytest.raises(AuthorError, match=r"no module ‘projects\.x\.gone’") as caught:
        Code(tmp_path).hashes("projects.x.gone", "projects/x/experiments.yml")
    assert caught.value.path == "projects/x/experiments.yml"


def test_code_that_python_cannot_read_is_named_with_its_line(tmp_path):
    write(tmp_path, x__main="x = 1\ndef broken(:\n")
    with pytest.raises(AuthorError, match="not valid Python") as caught:
        Code(tmp_path).hashes("projects.x.main")
    assert (caught.value.path, caught.value.line) == ("projects/x/main.py", 2)


def test_a_profile_changes_the_parameters_it_overrides(workbench):
    portfolio = read_portfolio(workbench.root)
    measure = portfolio.experiment("toy.measure")
    assert fingerprint_of(portfolio, measure, "laptop").params == {"margin": 0}
    assert fingerprint_of(portfolio, measure, "smoke").params == {"margin": 0, "limit": 6}


def test_a_declared_file_that_is_missing_is_named(workbench):
    (workbench.root / "projects/toy/walk.ipynb").unlink()
    portfolio = read_portfolio(workbench.root)
    with pytest.raises(AuthorError, match=r"rests on projects/toy/walk.ipynb, which is missing"):
        fingerprint_of(portfolio, portfolio.experiment("toy.compare"), "laptop")
