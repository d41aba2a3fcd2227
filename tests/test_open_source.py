"""Findings reproduce and their patches mend them; contributions come from GitHub or not at all."""

from __future__ import annotations

import dataclasses
import json
import random
import re
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from fakes.github import TOKEN, GitHubServer, issue, serving_github

from projects.open_source import collect as collecting
from projects.open_source.collect import collect, main, read_contributions, write_contributions
from projects.open_source.defaults import read_package
from projects.open_source.findings import (
    added_test_passes,
    installed_version,
    patched_copy,
    read_findings,
    reproduce,
)
from projects.open_source.footprint import count_lines, passing_through
from projects.open_source.github import GitHub, GitHubError
from projects.open_source.trials import outcome
from verifolio.portfolio import read_portfolio

ROOT = Path(__file__).parents[1]
FINDINGS = read_findings()


@pytest.fixture
def github():
    with serving_github() as server:
        yield server


def reader(server: GitHubServer, token: str = TOKEN, waits: list[float] | None = None) -> GitHub:
    return GitHub(token, server.url, sleep=(waits if waits is not None else []).append)


# -- findings --------------------------------------------------------------------------------------


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda one: one.slug)
def test_a_finding_stands_until_its_patch_is_applied(finding):
    before = reproduce(finding)
    assert before.stands, f"gone from {finding.entry.package} {installed_version(finding)}: retire it"
    with patched_copy(finding) as overlay:
        assert not reproduce(finding, overlay).stands
        if finding.entry.test:
            assert not added_test_passes(finding, overlay, patched=False)
            assert added_test_passes(finding, overlay, patched=True)


def test_each_finding_names_the_version_that_the_lock_pins():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for finding in FINDINGS:
        pinned = re.search(rf"^{re.escape(finding.entry.package)}==(\S+)", lock, re.MULTILINE)
        assert pinned, finding.slug
        assert pinned.group(1) == finding.entry.version, (
            f"{finding.slug}: verify it again and run open_source.findings"
        )


def test_the_result_rests_on_every_file_of_every_finding():
    declared = set(read_portfolio(ROOT).experiment("open_source.findings").entry.files)
    files = {
        f"projects/open_source/findings/{one.slug}/{name}"
        for one in FINDINGS
        for name in ("finding.yml", "reproduce.py", "fix.patch")
    }
    assert declared == files


def test_a_proposal_says_that_it_is_not_submitted():
    for finding in FINDINGS:
        text = (finding.folder / "proposal.md").read_text(encoding="utf-8")
        assert ("*Prepared, not submitted." in text) == (finding.entry.status == "prepared")


def test_a_patch_that_does_not_fit_is_refused_and_the_installation_untouched(tmp_path):
    finding = next(one for one in FINDINGS if one.slug == "faiss-repeat-timer")
    (tmp_path / "fix.patch").write_text(finding.patch.replace("timer.get_ms()", "timer.take_ms()"))
    with (
        pytest.raises(RuntimeError, match="does not apply"),
        patched_copy(dataclasses.replace(finding, folder=tmp_path)),
    ):
        pass
    assert reproduce(finding).stands


def test_the_splitter_patch_changes_nothing_for_patterns_without_groups():
    import langchain_text_splitters.character as installed

    finding = next(one for one in FINDINGS if one.slug == "langchain-regex-groups")
    with patched_copy(finding) as overlay:
        spec = spec_from_file_location("patched", overlay / finding.entry.file)
        patched = module_from_spec(spec)
        spec.loader.exec_module(patched)
    draw = random.Random(0)
    patterns = [",", r"\s+", "[,;]", "(?=,)", "(?<=;)", "x*", r"\b", "(?:,|;)+", r"\n\n", "(?<!a),", ""]
    for _ in range(3000):
        text = "".join(draw.choices("ab,; x\n", k=draw.randint(0, 12)))
        asked = (text, draw.choice(patterns))
        for keep in (False, "start", "end"):
            old, new = (
                one._split_text_with_regex(*asked, keep_separator=keep) for one in (installed, patched)
            )
            assert new == old, (asked, keep)


def test_a_script_that_breaks_does_not_count_as_reproduced(tmp_path):
    (tmp_path / "reproduce.py").write_text("import no_such_module")
    with pytest.raises(RuntimeError, match="no_such_module"):
        reproduce(dataclasses.replace(FINDINGS[0], folder=tmp_path))


def test_documented_defaults_are_compared_with_real_ones(tmp_path):
    folder = tmp_path / "lib"
    folder.mkdir()
    (folder / "a.py").write_text(
        '''class Thing:
    """
    Args:
        size (`int`, *optional*, defaults to 3): right.
        name (`str`, *optional*, defaults to `"a"`): wrong.
        late (`str`, *optional*, defaults to `"x"`): worked out later.
        sizes (`list`, *optional*, defaults to `[1, 2]`): a tuple of the same.
        rate (`float`, *optional*, defaults to 1.34): rounded.
    """

    def __init__(self, size=3, name="b", late=None, sizes=(1, 2), rate=1.3354): ...
'''
    )
    found = {one.argument: one.agrees for one in read_package(folder)}
    assert found == {"size": True, "name": False, "sizes": True, "rate": True}


# -- GitHub ----------------------------------------------------------------------------------------


def test_all_pages_are_read_and_states_told_apart(github):
    github.found["author-pr"] = [issue(n) for n in range(1, 251)]
    github.found["author-pr"][7] |= {"state": "closed", "pull_request": {"merged_at": "2026-10-02T08:00:00Z"}}
    github.found["author-pr"][8] |= {"draft": True}
    github.found["author-issue"] = [
        issue(900, repository="langchain-ai/langchain", day="2026-09-01", state="closed")
    ]
    github.found["reviewed"] = [issue(901)]
    found = collect(reader(github))
    kinds = [one.kind for one in found.items]
    assert (kinds.count("pull_request"), kinds.count("issue"), kinds.count("review")) == (250, 1, 1)
    assert found.items[0].repository == "langchain-ai/langchain"
    states = {one.number: one.state for one in found.items}
    assert (states[8], states[9], states[1], states[900]) == ("merged", "draft", "open", "closed")
    assert sum("page=3" in asked for asked in github.asked) == 1


def test_what_was_collected_is_read_back(github, tmp_path):
    github.found["author-issue"] = [issue(1)]
    found = collect(reader(github))
    write_contributions(found, tmp_path / "c.json")
    assert read_contributions(tmp_path / "c.json") == found


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (
            [(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 3000)})],
            "rate limit",
        ),
        ([(403, {})], "may not read"),
        ([(503, {})] * 3, "trouble of its own"),
        ([(429, {"Retry-After": "2"})] * 3, "rate limit"),
        ([(422, {})], "on request"),
    ],
)
def test_a_failure_is_told_and_the_old_file_kept(github, tmp_path, monkeypatch, capsys, faults, words):
    kept = tmp_path / "c.json"
    kept.write_text("{}")
    github.faults = list(faults)
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("GITHUB_API_URL", github.url)
    monkeypatch.setattr(collecting.GitHub.__init__, "__defaults__", (github.url, lambda seconds: None))
    assert main(["--to", str(kept)]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert TOKEN not in told
    assert kept.read_text() == "{}"


def test_a_refused_token_is_told(github):
    with pytest.raises(GitHubError, match="does not accept the token"):
        collect(reader(github, token="wrong"))


def test_a_passing_fault_is_waited_out(github):
    github.faults = [(502, {}), (429, {"Retry-After": "7"})]
    waits: list[float] = []
    assert collect(reader(github, waits=waits)).login == "mo"
    assert waits == [2.0, 7.0]


def test_the_token_goes_to_no_other_host(github):
    github.found["author-pr"] = [issue(n) for n in range(150)]
    github.elsewhere = "http://localhost:9"
    with pytest.raises(GitHubError, match="another host"):
        collect(reader(github))


def test_without_network_the_address_is_named():
    waits: list[float] = []
    with pytest.raises(GitHubError, match=r"no connection to http://127\.0\.0\.1:9"):
        collect(GitHub(TOKEN, "http://127.0.0.1:9", sleep=waits.append))
    assert len(waits) == 2


def test_without_a_token_nothing_is_collected(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    assert main(["--to", str(tmp_path / "c.json")]) == 2
    assert "GITHUB_TOKEN is not set" in capsys.readouterr().err
    assert not (tmp_path / "c.json").exists()


def test_the_committed_record_can_be_read():
    found = read_contributions()
    assert (found.collected is None) <= (found.items == [])
    assert json.loads(collecting.FILE.read_text())["login"] == found.login


def test_the_footprint_holds_the_lines_that_ran_and_nothing_of_the_import(tmp_path):
    (tmp_path / "small.py").write_text("def f(x):\n    if x:\n        return 1\n    return 2\n")
    with passing_through(tmp_path) as passed:
        spec = spec_from_file_location("small", tmp_path / "small.py")
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        assert module.f(1) == 1
    assert dict(passed.lines) == {"small.py": {2, 3}}
    assert passed.functions == {("small.py", "f")}
    assert count_lines(tmp_path) == (1, 4)


@pytest.mark.parametrize(
    ("pieces", "told"), [(["a", ",b"], "kept"), (["a", ",,"], "altered"), (None, "raised")]
)
def test_pieces_are_kept_altered_or_there_are_none(pieces, told):
    def split(text: str, pattern: str, *, keep_separator: bool) -> list[str]:
        return list(pieces)

    assert outcome(split, "a,b", "(,)") == told
