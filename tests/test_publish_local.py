"""What publishing does without any hub: bundles, folders, limits, cards, comparison of answers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from verifolio.cli import main
from verifolio.demos import read_demos
from verifolio.errors import AuthorError
from verifolio.portfolio import read_portfolio
from verifolio.publish.bundle import Bundle, gradio_files, imported_modules, publish_of
from verifolio.publish.card import check_card
from verifolio.publish.command import publish_site
from verifolio.publish.declare import Ask, Settings, Target
from verifolio.publish.folder import MARKER, publish_folder, tree_digest
from verifolio.publish.limits import check_pages
from verifolio.publish.pins import check_pins
from verifolio.publish.plan import Local
from verifolio.publish.rehearsal import rehearse
from verifolio.publish.verify import Expected, compare
from verifolio.results import read_result

ROOT = Path(__file__).parents[1]


@pytest.fixture
def site(tmp_path):
    here = tmp_path / "site"
    (here / "a").mkdir(parents=True)
    (here / "index.html").write_text("one")
    (here / "a" / "b.txt").write_text("two")
    return here


def test_a_folder_is_replaced_whole_and_stale_files_are_gone(site, tmp_path):
    target = tmp_path / "out"
    publish_folder(site, target)
    (site / "a" / "b.txt").unlink()
    publish_folder(site, target)
    assert sorted(one.name for one in target.rglob("*") if one.is_file()) == ["index.html", MARKER]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out", "site"]


def test_a_kill_between_two_renames_is_mended_by_the_next_publishing(site, tmp_path):
    target = tmp_path / "out"
    publish_folder(site, target)
    target.rename(tmp_path / ".out.abc.old")
    (tmp_path / ".out.abc.tmp").mkdir()
    publish_folder(site, target)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out", "site"]


def test_the_day_of_the_build_alone_is_no_change():
    files = {
        "index.html": "1",
        "feed_rss_created.xml": "2",
        "en/feed_json_updated.json": "3",
        "sitemap.xml.gz": "4",
    }
    other = {**files, "feed_rss_created.xml": "x", "en/feed_json_updated.json": "x", "sitemap.xml.gz": "x"}
    assert tree_digest(files) == tree_digest(other) != tree_digest({**files, "index.html": "x"})


def test_a_site_without_its_address_is_not_published(site, tmp_path):
    (site / "index.html").write_text('<head><link rel="canonical" href="http://127.0.0.1:8000/"></head>')
    built = tmp_path / "build" / "site"
    built.parent.mkdir()
    site.rename(built)
    with pytest.raises(AuthorError, match="without its address") as caught:
        publish_site(tmp_path, "folder", tmp_path / "out", yes=True)
    assert "publish.yml" in caught.value.faults[0].hint
    assert not (tmp_path / "out").exists()
    publish_site(tmp_path, "folder", tmp_path / "out", yes=False)


def test_a_folder_that_holds_other_files_is_left_as_it_is(site, tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "mine.txt").write_text("precious")
    with pytest.raises(AuthorError, match="did not write"):
        publish_folder(site, target)
    (target / "mine.txt").unlink()
    publish_folder(site, target)
    (target / "mine.txt").write_text("precious")
    with pytest.raises(AuthorError, match=r"mine\.txt"):
        publish_folder(site, target)
    assert (target / "mine.txt").read_text() == "precious"


def test_the_limits_of_pages_are_told_before_anything_is_sent():
    def local(size: int) -> Local:
        return Local(Path("x"), size, "", "")

    assert any("50 MB" in note for note in check_pages({"index.html": local(1), "w": local(60_000_000)}))
    with pytest.raises(AuthorError, match="100 MB a file"):
        check_pages({"index.html": local(1), "w": local(100_000_001)})
    with pytest.raises(AuthorError, match="1 GB"):
        check_pages({"index.html": local(1), **{str(n): local(99_000_000) for n in range(11)}})


def test_a_requirement_that_differs_from_the_lock_is_named_with_its_line(tmp_path):
    (tmp_path / "requirements.lock").write_text("gradio==6.31.0 \\\n    --hash=x\n")
    wrong = tmp_path / "requirements.txt"
    wrong.write_text("gradio==6.30.0\nnumpy\n")
    with pytest.raises(AuthorError) as caught:
        check_pins(tmp_path, wrong, "requirements.txt")
    assert [one.line for one in caught.value.faults] == [1, 2]
    assert "write gradio==6.31.0" in str(caught.value)


def test_a_card_that_contradicts_the_pins_is_refused():
    card = {"title": "x", "emoji": "x", "colorFrom": "red", "colorTo": "teal", "sdk": "gradio"}
    card |= {"app_file": "app.py", "license": "mit", "sdk_version": "5.0.0"}
    with pytest.raises(AuthorError) as caught:
        check_card(card, "README.md", app="app.py", pins={"gradio": "6.31.0"})
    assert all(word in str(caught.value) for word in ("teal", "sdk_version", "python_version"))


def test_a_module_of_a_bundle_may_not_need_the_engine(tmp_path):
    for name, text in {
        "demos/d/app.py": "from projects.p.m import f\n",
        "projects/__init__.py": "",
        "projects/p/m.py": "from verifolio.record import Run\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    with pytest.raises(AuthorError, match="imports the engine"):
        imported_modules(tmp_path, "d", "app.py")


def test_answers_are_compared_with_what_was_recorded():
    ask, expected = Ask("f"), Expected("in", labels=("负面", "negative"), score=0.98)
    got = {"label": "负面 negative", "confidences": [{"label": "负面 negative", "confidence": 0.979}]}
    assert compare("u", ask, expected, got)
    for bad in ("negative", {"负面 negative": 0.5}, {"正面 positive": 0.98}, None):
        with pytest.raises(AuthorError, match="not as recorded"):
            compare("u", ask, expected, bad)
    text = Expected("in", text="The same opening, and a tail")
    assert compare(
        "u", Ask("f", opening=16), text, [{"role": "assistant", "content": "The same opening; other"}]
    )
    with pytest.raises(AuthorError):
        compare("u", Ask("f", opening=16), text, "Something else")


def test_the_workflow_is_pinned_by_hash_and_holds_few_rights():
    text = (ROOT / ".github" / "workflows" / "publish.yml").read_text(encoding="utf-8")
    uses = re.findall(r"uses: (\S+)(.*)", text)
    assert uses
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", name) and "# v" in note for name, note in uses)
    found = yaml.safe_load(text)
    assert found["permissions"] == {}
    assert found["jobs"]["build"]["permissions"] == {"contents": "read"}


def test_publishing_the_site_imports_no_hubs_client():
    code = "import sys, verifolio.publish.command; print([m for m in sys.modules if m.split('.')[0] in"
    code += " ('huggingface_hub', 'modelscope', 'modelscope_hub', 'gradio', 'gradio_client', 'requests')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def classifier_files(target: Target):
    from verifolio.freshness import lacks_derived

    portfolio = read_portfolio(ROOT)
    export = portfolio.experiment("sentiment.export")
    if lacks_derived(export, read_result(export.result_path())):
        subprocess.run(
            [sys.executable, "-m", "verifolio", "derive", "sentiment.export"], cwd=ROOT, check=True
        )
    demos = read_demos(ROOT)
    demo = demos["classifier"]
    publish = publish_of(demo, "classifier")
    return (
        portfolio,
        demo,
        gradio_files(portfolio, "classifier", demo, publish, "huggingface", target, Settings()),
    )


@pytest.mark.parametrize("slug", [slug for slug, demo in read_demos(ROOT).items() if demo.publish])
def test_a_demos_bundle_runs_alone_in_a_fresh_environment(slug):
    """As the host does it: a new virtual environment, the pinned requirements, start; then the recorded input."""
    command = ["publish", "demo", slug, "--try", "--only", "modelscope"]
    done = CliRunner().invoke(main, ["--root", str(ROOT), *command])
    assert done.exit_code == 0, done.output
    assert "runs alone and answers as recorded: " in done.output
    assert "dry run" not in done.output


def test_a_bundle_that_does_not_start_is_told_with_what_it_printed(tmp_path):
    bundle = Bundle("d", "huggingface", Target(), tmp_path)
    (tmp_path / "README.md").write_text("---\napp_file: app.py\n---\n")
    (tmp_path / "requirements.txt").write_text("")
    (tmp_path / "app.py").write_text("import verifolio\n")  # the engine is out of its reach
    with pytest.raises(AuthorError, match=r"app\.py ended") as caught:
        rehearse(bundle, Ask("f"), Expected("in", text="out"), print)
    assert "No module named 'verifolio'" in caught.value.hint
    (tmp_path / "requirements.txt").write_text("no-such-file.whl\n")
    with pytest.raises(AuthorError, match="do not install"):
        rehearse(bundle, Ask("f"), Expected("in", text="out"), print)


def test_a_bundle_takes_only_the_weights_that_it_names_and_a_wrong_name_is_told():
    from verifolio.publish.bundle import weight_files
    from verifolio.publish.declare import Publish

    portfolio = read_portfolio(ROOT)
    classifier_files(Target())  # makes them if need be
    files = weight_files(portfolio, "d", Publish(weights="sentiment.export", take=["tokenizer.json"]))
    assert list(files) == ["tokenizer.json"]
    with pytest.raises(AuthorError, match=r"derives no ‘tokeniser\.json’") as caught:
        weight_files(portfolio, "d", Publish(weights="sentiment.export", take=["tokeniser.json"]))
    assert "tokenizer.json" in caught.value.faults[0].hint


def test_zero_gpu_gets_a_start_file_and_the_same_inputs_give_the_same_bytes():
    _, _, files = classifier_files(Target(hardware="zero-a10g"))
    assert b"@spaces.GPU" in files["start.py"]
    assert b"app_file: start.py" in files["README.md"]
    assert files == classifier_files(Target(hardware="zero-a10g"))[2]
    assert files["app.py"] == ROOT / "demos" / "classifier" / "app.py"
