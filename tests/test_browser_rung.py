"""The browser rung as staging prepares it: files checked against receipts, sizes counted, reasons given."""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import re
import zlib

import pytest

from verifolio.browser import link_served
from verifolio.errors import AuthorError
from verifolio.stage import stage

DECLARED = "demos/toy/demo.yml"
WEIGHTS = "projects/toy/results/measure/weights.json"
PAGE = "build/docs/{}/demos/toy.md"
BROWSER = "browser: {{module: browser/toy.js, weights: {{toy.measure: [measure/weights.json]}}{}}}\n"


@pytest.fixture
def running(workbench):
    """The toy's demo, now with a rung in the browser."""
    workbench.write(DECLARED, workbench.read(DECLARED) + BROWSER.format(""))
    workbench.write("demos/toy/browser/toy.js", "export const open = () => ({})\n")
    return workbench


def declare(workbench, more: str) -> None:
    text = workbench.read(DECLARED).partition("browser:")[0]
    workbench.write(DECLARED, text + more)


def told(workbench, lang: str = "en") -> dict:
    stage(workbench.root)
    page = workbench.read(PAGE.format(lang))
    found = re.search(r'<script type="application/json">(.*?)</script>', page)
    assert found, "the page tells its script nothing"
    return json.loads(found[1])


def fault(workbench, where: str = DECLARED) -> str:
    with pytest.raises(AuthorError) as caught:
        stage(workbench.root)
    assert where in {one.path for one in caught.value.faults}
    return str(caught.value)


def test_the_page_names_files_with_sizes_and_hashes_of_the_receipt(running):
    browser = told(running)["browser"]
    receipt = json.loads(running.read("projects/toy/results/measure.json"))["receipt"]
    file = browser["first"]["measure/weights.json"]
    assert file["sha256"] == receipt["products"]["measure/weights.json"]
    assert file["size"] == (running.root / WEIGHTS).stat().st_size
    module = (running.root / "demos/toy/browser/toy.js").stat().st_size
    assert browser["bytes"] == file["bytes"] + module
    assert browser["module"] == "../../../demos/toy/browser/toy.js"  # seen from /en/demos/toy/
    assert told(running, "zh")["browser"]["module"] == "../../demos/toy/browser/toy.js"


def test_weights_lie_once_below_the_root_of_the_site(running, tmp_path):
    file = told(running)["browser"]["first"]["measure/weights.json"]
    link_served(running.root, tmp_path)
    served = tmp_path / file["url"].removeprefix("../../../")
    data = served.read_bytes()
    assert len(data) == file["bytes"]
    whole = gzip.decompress(data) if file.get("gzip") else data
    assert hashlib.sha256(whole).hexdigest() == file["sha256"]
    assert (running.root / "build/docs/zh/demos/toy/browser/toy.js").is_file()
    assert not (running.root / "build/docs/en/demos/toy/browser").exists()


def test_modules_that_it_imports_from_another_demo_come_along(running):
    (running.root / "demos/toy/browser/toy.js").write_text(
        'export const open = async () => import("../../other/browser/lib.js")\n'
    )
    assert "other/browser/lib.js" in fault(running, "demos/toy/browser/toy.js")
    running.write("demos/other/browser/lib.js", "import { one } from './one.js'\n")
    running.write("demos/other/browser/one.js", "export const one = 1\n")
    running.write("demos/other/browser/unused.js", "")
    told(running)
    staged = running.root / "build/docs/zh/demos/other/browser"
    assert sorted(path.name for path in staged.iterdir()) == ["lib.js", "one.js"]


def test_what_shrinks_well_is_served_gzipped(running):
    file = told(running)["browser"]["first"]["measure/weights.json"]
    shrinks = len(zlib.compress((running.root / WEIGHTS).read_bytes())) < 0.85 * file["size"]
    assert bool(file.get("gzip")) == shrinks


def test_the_button_says_how_much_will_come(running):
    size = told(running)["browser"]["bytes"]
    page = html.unescape(running.read(PAGE.format("en")))
    number = f"{size / 1000:.1f}" if size >= 1000 else str(size)
    assert re.search(rf"Run it here \({re.escape(number)}\s?k?B", page), number


def test_changed_weights_stop_the_build(running):
    told(running)
    (running.root / WEIGHTS).write_text('{"good": 9}')
    said = fault(running)
    assert "toy.measure" in said


def test_derived_files_that_differ_from_the_receipt_stop_the_build(running):
    declare(
        running, BROWSER.replace("toy.measure: [measure/weights.json]", "toy.export: [model.txt]").format("")
    )
    running.write("build/derived/toy/model.txt", "other bytes")
    digest = json.loads(running.read("projects/toy/results/export.json"))["digest"]
    running.write("build/derived/toy/export.from", digest + "\n")
    said = fault(running)
    assert "is not what the receipt of toy.export names" in said
    assert "verifolio derive toy.export" in said


def test_without_derived_files_the_rung_says_why(running):
    declare(
        running, BROWSER.replace("toy.measure: [measure/weights.json]", "toy.export: [model.txt]").format("")
    )
    (running.root / "build/derived/toy/model.txt").unlink(missing_ok=True)
    stage(running.root)
    page = running.read(PAGE.format("en"))
    assert "This build had no weights at hand" in page
    assert "vf-demo-browser" not in page


def test_a_build_that_derives_nothing_names_the_rungs_that_it_left_out(running):
    declare(
        running, BROWSER.replace("toy.measure: [measure/weights.json]", "toy.export: [model.txt]").format("")
    )
    (running.root / "build/derived/toy/model.txt").unlink(missing_ok=True)
    built = running.verifolio("site", "--no-run")
    assert built.code == 0, built.said
    told = [line for line in built.said.splitlines() if "left out" in line]
    assert told == [
        "browser rungs left out, whose files are not here: toy "
        "(verifolio derive toy.export, then build again)"
    ]
    assert running.verifolio("derive", "toy.export").code == 0
    assert "left out" not in running.verifolio("site", "--no-run").said


def test_a_rung_without_its_runtime_is_left_out_aloud_too(running):
    lock = {"packages": {"node_modules/runner": {"version": "1.0.0"}}}
    running.write("package-lock.json", json.dumps(lock))
    declare(running, BROWSER.format(", runtime: [runner/run.mjs]"))
    assert "toy (npm ci --ignore-scripts, then build again)" in running.verifolio("site", "--no-run").said


def test_derived_files_of_an_older_result_are_as_good_as_none(running):
    declare(
        running, BROWSER.replace("toy.measure: [measure/weights.json]", "toy.export: [model.txt]").format("")
    )
    running.write("build/derived/toy/model.txt", "what an older result had")
    running.write("build/derived/toy/export.from", "0" * 64 + "\n")
    stage(running.root)
    assert "This build had no weights at hand" in running.read(PAGE.format("en"))


def test_without_npm_the_rung_says_why(running):
    lock = {"packages": {"node_modules/runner": {"version": "1.0.0"}}}
    running.write("package-lock.json", json.dumps(lock))
    declare(running, BROWSER.format(", runtime: [runner/run.mjs]"))
    stage(running.root)
    assert "This build had no npm" in running.read(PAGE.format("en"))
    assert "没有 npm" in running.read(PAGE.format("zh"))


def test_a_runtime_of_another_version_than_the_lock_is_not_used(running):
    running.write(
        "package-lock.json", json.dumps({"packages": {"node_modules/runner": {"version": "1.0.0"}}})
    )
    declare(running, BROWSER.format(", runtime: [runner/run.mjs]"))
    running.write("node_modules/runner/run.mjs", "export {}")
    installed = {"packages": {"node_modules/runner": {"version": "0.9.0"}}}
    running.write("node_modules/.package-lock.json", json.dumps(installed))
    stage(running.root)
    assert "This build had no npm" in running.read(PAGE.format("en"))
    running.write("node_modules/.package-lock.json", running.read("package-lock.json"))
    assert "runner/run.mjs" in told(running)["browser"]["first"]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("browser: {module: browser/other.js}\n", "browser/other.js does not exist"),
        ("browser: {modul: browser/toy.js}\n", "unknown field `modul`"),
        (
            BROWSER.replace("measure/weights", "measure/weight").format(""),
            "toy.measure made no ‘measure/weight.json’",
        ),
        (BROWSER.replace("toy.measure", "toy.mesure").format(""), "no experiment ‘mesure’"),
        (BROWSER.format(", runtime: [nobody/run.mjs]"), "pins no package with ‘nobody/run.mjs’"),
        (BROWSER.format(", note: {en: slow}"), "browser: note: no words in zh"),
    ],
)
def test_an_odd_rung_is_named(running, more, reason):
    declare(running, more)
    assert reason in fault(running)


def test_files_that_no_rung_names_any_more_are_swept(running):
    told(running)
    assert list((running.root / "build/browser").rglob("weights.json*"))
    declare(running, "")
    stage(running.root)
    assert not list((running.root / "build/browser").rglob("*.json*"))


def test_lists_name_the_rungs_of_each_demo(running):
    told(running)
    index = running.read("build/docs/en/demos/index.md")
    assert "<li>Recorded</li><li>In your browser " in index


def test_only_a_demos_own_page_may_get_the_service_worker(running):
    declare(running, BROWSER.format(", threads: true"))
    assert told(running)["browser"]["isolate"] == "../../demos/toy/isolate.js"  # /en/demos/toy/isolate.js
    for lang in ("zh", "en"):
        assert (running.root / f"build/docs/{lang}/demos/toy/isolate.js").is_file()


def test_a_published_app_is_offered_with_its_mirrors(running):
    publish = (
        "publish: {huggingface: [{sdk: static}, {sdk: gradio, name: toy_app}], modelscope: [{sdk: gradio}]}\n"
    )
    declare(running, publish)
    running.write("publish.yml", "huggingface: Reader\nmodelscope: reader\n")
    live = told(running)["live"]
    assert [one["url"] for one in live] == ["https://reader-toy-app.hf.space/", "https://reader-toy.ms.show/"]
    assert live[0]["states"][1] == "https://hf-mirror.com/api/spaces/Reader/toy_app"


def as_built(running):
    """The built site, as far as the demo's page goes."""
    site = running.root / "build/site"
    page = site / "demos/toy/index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(running.read(PAGE.format("zh")), encoding="utf-8")
    link_served(running.root, site)
    return site


def test_a_static_bundle_without_its_rung_or_with_other_weights_is_refused(running):
    from verifolio.publish.static import static_files

    running.write("demos/toy/README.md", "---\ntitle: Toy\nsdk: gradio\n---\n\nA toy.\n")
    told(running)
    page = as_built(running) / "demos/toy/index.html"
    whole = page.read_text("utf-8")
    page.write_text(whole.replace('"sha256": "', '"sha256": "0'), encoding="utf-8")
    with pytest.raises(AuthorError, match=r"is not that of the result of toy\.measure") as caught:
        static_files(running.root, "toy", "")
    assert caught.value.hint == "build it again: verifolio site"
    page.write_text(
        re.sub(r"<script type=.application/json.*?</script>", "", whole, flags=re.DOTALL), "utf-8"
    )
    with pytest.raises(AuthorError, match="the browser rung is missing there"):
        static_files(running.root, "toy", "")


def test_the_static_bundle_carries_the_rung(running):
    from verifolio.publish.static import static_files

    told(running)
    site = as_built(running)
    module = site / "demos/toy/browser/toy.js"
    module.parent.mkdir(parents=True)
    module.write_text('import "./part.js"\n')
    module.with_name("part.js").write_text("export {}\n")
    running.write("demos/toy/README.md", "---\ntitle: Toy\nsdk: gradio\n---\n\nA toy.\n")
    files = static_files(running.root, "toy", "")
    weights = [name for name in files if name.startswith("assets/weights/toy/measure/weights.json")]
    assert len(weights) == 1
    assert {"demos/toy/browser/toy.js", "demos/toy/browser/part.js"} <= set(files)
