"""Links between staged pages lead to pages."""

from __future__ import annotations

import pytest

from verifolio.links import find_broken_links

PAGES = {"index.md", "about.md", "blog/index.md", "blog/posts/first.md", "projects/index.md"}


def broken(text: str, name: str = "blog/posts/first.md") -> list[str]:
    pages = {**dict.fromkeys(PAGES, ""), name: text}
    return [fault.message for fault in find_broken_links("en", pages, {"assets/a.svg"})]


@pytest.mark.parametrize(
    "text",
    [
        "[a](../../about.md)",
        "[a](../../about.md#here)",
        '[a](../../about.md "a title")',
        "[a](#here)",
        "[a](https://example.org/x.md)",
        "[a](mailto:me@example.org)",
        "![a](../../assets/a.svg)",
        "[a](../../projects)",
        "`[a](gone.md)`",
        "```\n[a](gone.md)\n```",
        "<svg>[a](gone.md)</svg>",
    ],
)
def test_a_good_link_or_code_is_no_fault(text):
    assert broken(text) == []


@pytest.mark.parametrize(
    "text",
    ["[a](../abuot.md)", "![a](../../assets/gone.svg)", "[**a**](secnd.md)", '[a](gone.md "title")'],
)
def test_a_link_that_leads_nowhere_is_a_fault(text):
    assert len(broken(text)) == 1


def test_a_fault_names_the_page_and_the_nearest_one():
    (fault,) = find_broken_links("en", {"index.md": "[a](abuot.md)", "about.md": ""}, set())
    assert fault.path == "build/docs/en/index.md"
    assert (fault.message, fault.hint) == ("link to abuot.md, which is no page", "did you mean ‘about.md’?")
