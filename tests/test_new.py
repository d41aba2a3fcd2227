"""`verifolio new`: what it makes passes `check` at once, runs, and never overwrites."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from workbench import Workbench

from verifolio.authoring.new import Binding, new_post
from verifolio.authoring.portfolio import as_nobodys, direct_needs, only_needed

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def fork(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """A portfolio made by the command line, its experiment run and its site built, in this environment."""
    target = tmp_path_factory.mktemp("somewhere") / "mine"
    bench = Workbench(REPOSITORY)
    done = bench.verifolio("new", "portfolio", str(target))
    assert done.code == 0, done.said
    mine = Workbench(target)
    done = mine.verifolio("site", PYTHONPATH=str(target))
    assert done.code == 0, done.said
    return mine


def test_a_new_project_passes_check_at_once_with_a_result_that_was_measured(workbench):
    done = workbench.verifolio("new", "project", "weather_bot")
    assert done.code == 0, done.said
    assert "next:" in done.said
    result = json.loads(workbench.read("projects/weather_bot/results/birthdays.json"))
    metrics = result["metrics"]
    low, high = metrics["shared"]["ci"]
    assert low < metrics["exact"]["value"] < high  # 20,000 simulated rooms against the formula
    assert workbench.here("check").code == 0


def test_a_new_post_is_a_draft_that_binds_something_real(workbench):
    done = workbench.here("new", "post", "my-week", "--about", "toy.compare", "--week", "3")
    assert done.code == 0, done.said
    for lang in ("zh", "en"):
        text = workbench.read(f"blog/my-week/{lang}.md")
        assert "draft: true" in text
        assert "week: 3" in text
        assert "{{ toy.compare.baseline }}" in text
        assert "::: chart toy.compare.accuracy" in text
    assert workbench.here("check").code == 0
    assert workbench.verifolio("site", "--no-run", "--drafts").code == 0
    assert "my-week" in workbench.read("build/preview/index.html")


@pytest.mark.parametrize("name", ["2026-12-01", "2026", "100", "on"])
def test_a_name_that_yaml_takes_for_something_else_is_a_name(workbench, name):
    assert workbench.here("new", "post", name).code == 0
    done = workbench.here("check")
    assert done.code == 0, done.said


def test_words_of_a_label_stay_as_they_are(workbench):
    label = Binding(
        "toy.measure.accuracy",
        {"zh": '"好"的\\比例', "en": 'LoRA "with" F1\\: share'},
        "toy.compare.accuracy",
    )
    new_post(workbench.root, "labels", binding=label)
    text = workbench.read("blog/labels/en.md")
    assert '\nLoRA "with" F1\\: share: {{ toy.measure.accuracy }}.\n' in text
    done = workbench.here("check")
    assert done.code == 0, done.said


def test_the_address_of_a_post_in_another_folder_is_taken(workbench):
    shutil.move(workbench.root / "blog/second-look", workbench.root / "blog/week-2")
    done = workbench.here("new", "post", "second-look")
    assert done.code == 1
    assert "blog/week-2/" in done.said
    assert "has the address ‘second-look’; nothing was written" in done.said
    assert not (workbench.root / "blog/second-look").exists()


def test_a_new_post_where_nothing_was_measured_binds_nothing(workbench):
    shutil.rmtree(workbench.root / "projects")
    shutil.rmtree(workbench.root / "blog")
    shutil.rmtree(workbench.root / "demos")
    assert workbench.here("new", "post", "plan").code == 0
    assert "{{" not in workbench.read("blog/plan/en.md")


def test_a_demo_of_a_project_of_its_own_is_recorded_and_runs(workbench):
    workbench.verifolio("new", "project", "rooms")
    done = workbench.verifolio("new", "demo", "rooms")
    assert done.code == 0, done.said
    assert workbench.here("check").code == 0
    code = "import runpy; app = runpy.run_path('demos/rooms/app.py'); print(app['demo'].fn('23'))"
    assert workbench.python("-c", code, GRADIO_ANALYTICS_ENABLED="False").said.strip().endswith("50.7 %")


def test_a_demo_of_a_project_whose_example_was_replaced_is_planned(workbench):
    workbench.verifolio("new", "project", "rooms")
    workbench.edit(
        "projects/rooms/birthdays.py", "The chance that at least two", "The share of rooms in which two"
    )
    assert workbench.verifolio("new", "demo", "rooms").code == 0
    declared = workbench.read("demos/rooms/demo.yml")
    assert "birthday" not in declared.lower()
    assert "\nrecorded:" not in declared


def test_a_demo_of_another_project_is_planned_and_answers_from_its_results(workbench):
    done = workbench.verifolio("new", "demo", "lookup", "--project", "toy")
    assert done.code == 0, done.said
    assert workbench.here("check").code == 0
    code = "import runpy; print(runpy.run_path('demos/lookup/app.py')['answer']('accuracy'))"
    said = workbench.python("-c", code, GRADIO_ANALYTICS_ENABLED="False").said
    assert "measure.accuracy · 准确率 · accuracy: 0.75 ratio" in said


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("project", "toy"), "projects/toy/__init__.py: is there already; nothing was written"),
        (("post", "second-look"), "blog/second-look/en.md: is there already"),
        (("demo", "toy", "--project", "toy"), "is there already"),
        (("project", "My Project"), "‘My Project’ cannot name a project"),
        (("project", "class"), "‘class’ cannot name a project"),
        (("project", "../up"), "cannot name a project"),
        (("demo", "a-b", "--project", "toy"), "such as a_b"),
        (("post", "Hello World!"), "such as hello-world"),
        (("post", "../../up"), "cannot name a post"),
        (("post", "x", "--about", "toi"), "did you mean ‘toy’"),
        (("demo", "alone"), "which project does it show?"),
        (("demo", "alone", "--project", "toi"), "no project ‘toi’"),
    ],
)
def test_a_bad_name_or_one_that_is_taken_is_told_and_nothing_is_written(workbench, arguments, reason):
    before = sorted(workbench.root.rglob("*.md")) + sorted(workbench.root.rglob("*.py"))
    done = workbench.verifolio("new", *arguments)
    assert done.code == 1
    assert reason in done.said, done.said
    assert sorted(workbench.root.rglob("*.md")) + sorted(workbench.root.rglob("*.py")) == before


def test_a_new_portfolio_stands_alone_and_holds_nothing_of_ours(fork):
    assert {path.name for path in (fork.root / "projects").iterdir() if path.is_dir()} - {"__pycache__"} == {
        "birthday"
    }
    assert [path.name for path in (fork.root / "blog").iterdir() if path.is_dir()] == ["first-number"]
    for name in (
        "Makefile",
        "scripts/setup_env.py",
        "requirements.lock",
        ".github/workflows/publish.yml",
        "tests",
    ):
        assert (fork.root / name).exists(), name
    for path in fork.root.rglob("*"):
        if (
            path.suffix in (".md", ".yml", ".toml")
            and "verifolio" not in path.parts
            and "build" not in path.parts
        ):
            text = path.read_text(encoding="utf-8")
            if path.name != "CONTRIBUTING.md":
                assert "sentiment" not in text, path
            assert str(REPOSITORY) not in text, path
    size = sum(
        path.stat().st_size for path in fork.root.rglob("*") if "build" not in path.parts and path.is_file()
    )
    assert size < 8_000_000


def test_its_site_binds_its_own_number_in_both_languages(fork):
    share = json.loads(fork.read("projects/birthday/results/birthdays.json"))["metrics"]["shared"]["value"]
    for page in ("index.html", "en/index.html", "en/blog/first-number/index.html"):
        assert f"{100 * share:.1f}" in fork.read(f"build/site/{page}"), page
    assert "My portfolio" in fork.read("build/site/en/index.html")
    assert fork.verifolio("check", PYTHONPATH=str(fork.root)).code == 0


def test_its_own_tests_pass(fork):
    done = fork.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", PYTHONPATH=str(fork.root))
    assert done.code == 0, done.said


def test_a_portfolio_is_made_from_a_portfolio_but_never_over_anything(fork, tmp_path):
    done = fork.verifolio("new", "portfolio", str(tmp_path / "next"), PYTHONPATH=str(fork.root))
    assert done.code == 0, done.said
    (tmp_path / "full").mkdir()
    (tmp_path / "full/note.txt").write_text("mine")
    done = fork.verifolio("new", "portfolio", str(tmp_path / "full"), PYTHONPATH=str(fork.root))
    assert done.code == 1
    assert "not empty; nothing was written" in done.said
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["note.txt"]


def test_names_and_addresses_of_the_owner_do_not_travel():
    config = "site_name: Ours\nextra:\n  author: {zh: 我, en: Me} # who\n  source_url: https://example.org/me\nnav:\n  - a.md\n  - b.md\n"
    made = as_nobodys(config, "site_name: Mine\nnav:\n  - a.md\n")
    assert made == 'site_name: Mine\nextra:\n  author: "" # who\n  source_url: ""\nnav:\n  - a.md\n'


def test_the_lock_of_a_portfolio_holds_what_it_needs_and_no_more():
    lock = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
    kept = only_needed(lock, direct_needs('dependencies = [\n    "mkdocs<2",\n    "click",\n]\n'))
    names = {line.split("==")[0] for line in kept.splitlines() if "==" in line and not line.startswith(" ")}
    assert {"mkdocs", "click", "jinja2", "markupsafe", "colorama"} <= names
    assert not {"torch", "gradio", "transformers"} & names


def test_help_lists_the_commands_in_the_order_of_a_day():
    said = Workbench(REPOSITORY).verifolio("--help").said
    listed = [line.split()[0] for line in said.partition("Commands:")[2].splitlines() if line.strip()]
    assert [name for name in listed if name in ("new", "run", "serve", "check", "site", "publish", "export")] == [
        "new", "run", "serve", "check", "site", "publish", "export",
    ]  # fmt: skip


# -- the look that travels: comments, heads ----------------------------------------------------------


def test_no_page_mentions_comments_until_they_are_configured(fork):
    for page in (fork.root / "build/site").rglob("*.html"):
        assert "giscus" not in page.read_text(encoding="utf-8"), page


def test_a_posts_head_names_its_card_by_its_full_address_and_both_languages(fork):
    page = fork.read("build/site/en/blog/first-number/index.html")
    picture = re.search(
        r'property="og:image" content="http://127.0.0.1:8000/en/(assets/cards/[^"]+\.png)"', page
    )
    assert picture
    assert (fork.root / "build/site/en" / picture.group(1)).exists()
    assert 'hreflang="zh"' in page
    assert 'hreflang="en"' in page
    data = json.loads(
        re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL).group(1)
    )
    assert data["@type"] == "BlogPosting"
    assert data["inLanguage"] == "en"
    assert data["image"].endswith(picture.group(1))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", data["datePublished"])


@pytest.mark.parametrize(
    ("prefix", "button", "failed"),
    [("", "加载评论", "连不上"), ("en/", "Load the comments", "cannot be reached")],
)
def test_comments_ask_nobody_before_the_click_and_say_so_when_nobody_answers(
    with_comments, new_page, site_server, prefix, button, failed
):
    page = new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.route("https://giscus.app/**", lambda route: route.abort())
    home = site_server(with_comments.root / "build/site")
    page.goto(f"{home}{prefix}blog/first-number/", wait_until="networkidle")
    page.get_by_role("button", name=button).scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    assert [url for url in asked if not url.startswith(home)] == []
    page.get_by_role("button", name=button).click()
    page.get_by_text(failed).wait_for()
    assert [url for url in asked if not url.startswith(home)] == ["https://giscus.app/client.js"]


@pytest.fixture(scope="session")
def with_comments(fork, tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """The new portfolio with comments configured, built once."""
    root = tmp_path_factory.mktemp("commented") / "mine"
    shutil.copytree(fork.root, root)
    bench = Workbench(root)
    ids = "{repo: me/mine, repo_id: R_1, category: General, category_id: DIC_1}"
    bench.edit("mkdocs.yml", 'comments: ""', f"comments: {ids}")
    done = bench.verifolio("site", "--no-run", PYTHONPATH=str(root))
    assert done.code == 0, done.said
    return bench
