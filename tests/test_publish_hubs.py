"""Publishing through the hubs' real clients, against a local server that speaks their protocols."""

from __future__ import annotations

import pytest

from tests.fakes.hub import TOKEN, running_hub
from verifolio.errors import AuthorError
from verifolio.publish.huggingface import Repository
from verifolio.publish.modelscope import Studio, nearest
from verifolio.publish.verify import wait


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with running_hub() as found:
        monkeypatch.setenv("HF_ENDPOINT", found.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", found.url)
        monkeypatch.setenv("MODELSCOPE_API_TOKEN", TOKEN)
        monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "ms"))
        import huggingface_hub.constants
        import huggingface_hub.utils._http as http

        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(http.time, "sleep", lambda _: None)
        yield found


@pytest.fixture
def folder(tmp_path):
    here = tmp_path / "bundle"
    (here / "model").mkdir(parents=True)
    (here / "README.md").write_text("---\ntitle: x\nsdk: static\n---\n")
    (here / "app.py").write_text("print(1)\n")
    (here / "model" / "a.onnx").write_bytes(bytes(range(256)) * 40)
    return here


def space() -> Repository:
    return Repository("me/demo", "space", "static")


def publish(folder, place):
    plan = place.plan(folder, signed_in=True)
    return place.push(folder, plan), plan


def test_a_space_is_created_and_holds_the_bundle_after_one_commit(hub, folder):
    publish(folder, space())
    assert {name: data for name, (_, data) in hub.repos["me/demo"].items()} == {
        one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()
    }
    assert hub.count("POST /api/spaces/me/demo/commit/") == 1
    assert hub.created[0]["sdk"] == "static"


def test_a_new_space_is_created_also_where_its_address_holds_the_digits_of_a_refusal(hub, folder):
    publish(folder, Repository("me/demo-401", "space", "static"))
    assert "app.py" in hub.repos["me/demo-401"]


def test_an_unchanged_bundle_sends_nothing_and_a_plan_changes_nothing(hub, folder):
    publish(folder, space())
    commits = hub.count("POST")
    _, plan = publish(folder, space())
    assert (plan.changes, plan.same, hub.count("POST")) == ([], 3, commits)


def test_stale_files_go_in_the_same_commit_and_the_hubs_own_stay(hub, folder):
    publish(folder, space())
    hub.repos["me/demo"] |= {"old.txt": ("", b"x"), ".gitattributes": ("", b"y")}
    (folder / "app.py").write_text("print(2)\n")
    _, plan = publish(folder, space())
    assert [(one.kind, one.path) for one in plan.changes] == [("change", "app.py"), ("remove", "old.txt")]
    assert sorted(hub.repos["me/demo"]) == [".gitattributes", "README.md", "app.py", "model/a.onnx"]
    assert hub.count("POST /api/spaces/me/demo/commit/") == 2


def test_payment_required_names_the_free_ways(hub, folder):
    hub.faults["POST /api/repos/create"] = [402]
    with pytest.raises(AuthorError, match="payment required") as caught:
        publish(folder, Repository("me/demo", "space", "gradio"))
    assert all(way in caught.value.hint for way in ("static", "zero-a10g", "modelscope"))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "not signed in"),
        (403, "may not write"),
        (409, "in conflict"),
        (412, "someone committed"),
        (429, "limits how often"),
        (500, "fault of the hub"),
        (0, "cut"),
    ],
)
def test_each_refusal_says_what_to_do_and_never_the_token(hub, folder, status, said):
    publish(folder, space())
    (folder / "app.py").write_text("print(3)\n")
    hub.faults["POST /api/spaces/me/demo/commit/"] = [status] * 9
    with pytest.raises(AuthorError, match=said) as caught:
        publish(folder, space())
    assert caught.value.hint
    assert TOKEN not in str(caught.value)


def test_a_cut_upload_goes_on_without_sending_stored_weights_again(hub, folder):
    hub.faults["POST /api/spaces/me/demo/commit/"] = [500] * 9
    with pytest.raises(AuthorError):
        publish(folder, space())
    assert hub.count("PUT /blob/") == 1
    hub.faults.clear()
    publish(folder, space())
    assert hub.count("PUT /blob/") == 1
    assert "model/a.onnx" in hub.repos["me/demo"]


def test_a_failure_of_the_xet_storage_is_told_and_nothing_is_committed(hub, folder, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", False)
    with pytest.raises(AuthorError) as caught:  # the fake has no Xet storage
        publish(folder, space())
    assert caught.value.hint
    assert hub.count("POST /api/spaces/me/demo/commit/") == 0


def test_waiting_follows_the_stages_and_a_broken_space_is_told(hub, folder):
    place = space()
    publish(folder, place)
    said = []
    wait(place, said.append, limit_s=5, pause_s=0.01)
    assert "BUILDING" in said[0]
    assert "RUNNING" in said[-1]
    hub.stages = ["BUILD_ERROR"]
    with pytest.raises(AuthorError, match="does not run: BUILD_ERROR"):
        wait(place, said.append, limit_s=5, pause_s=0.01)
    hub.stages = ["BUILDING"]
    with pytest.raises(AuthorError, match="did not run within"):
        wait(place, said.append, limit_s=0.05, pause_s=0.01)


def studio(tmp_path) -> Studio:
    return Studio("me/demo", "gradio", "6.31.0", "演示", tmp_path / "sent")


def test_a_studio_is_created_with_an_offered_gradio_filled_and_deployed(hub, folder, tmp_path):
    publish(folder, studio(tmp_path))
    assert hub.created[0]["sdk_version"] == "6.20.0"
    assert sorted(hub.repos["me/demo"]) == [".gitattributes", "README.md", "app.py", "model/a.onnx"]
    assert hub.deployed == 1
    hub.repos["me/demo"]["old.txt"] = ("", b"x")
    _, plan = publish(folder, studio(tmp_path))
    assert [(one.kind, one.path) for one in plan.changes] == [("remove", "old.txt")]
    assert "old.txt" not in hub.repos["me/demo"]


REFUSALS = [
    (401, "not signed in"),
    (402, "free quota is used up"),
    (403, "may not write"),
    (409, "in conflict"),
    (429, "limits how often"),
    (503, "fault of its own"),
    (0, "cut"),
]


@pytest.mark.parametrize("step", ["create", "commit", "deploy"])
@pytest.mark.parametrize(("status", "said"), REFUSALS)
def test_a_studio_that_refuses_says_what_to_do_and_never_the_token(hub, folder, tmp_path, step, status, said):
    where = {
        "create": "POST /openapi/v1/studios",
        "commit": "POST /api/v1/repos/studios/me/demo/commit/",
        "deploy": "POST /openapi/v1/studios/me/demo/deploy",
    }[step]
    hub.faults[where] = [status] * 20
    with pytest.raises(AuthorError, match=said) as caught:
        publish(folder, studio(tmp_path))
    assert caught.value.hint
    assert TOKEN not in str(caught.value)


def test_a_studio_whose_upload_was_cut_goes_on_without_sending_stored_weights_again(hub, folder, tmp_path):
    (folder / "model" / "a.onnx").write_bytes(bytes(range(256)) * 25_000)  # large enough to go apart
    hub.faults["POST /api/v1/repos/studios/me/demo/commit/"] = [0] * 20
    with pytest.raises(AuthorError):
        publish(folder, studio(tmp_path))
    sent = hub.count("PUT /blob/")
    assert sent == 1
    hub.faults.clear()
    publish(folder, studio(tmp_path))
    assert hub.count("PUT /blob/") == sent
    assert hub.repos["me/demo"]["model/a.onnx"][1] == (folder / "model" / "a.onnx").read_bytes()
    assert hub.deployed == 1


def test_an_unchanged_studio_is_not_sent_again(hub, folder, tmp_path):
    publish(folder, studio(tmp_path))
    commits = hub.count("POST /api/v1/repos/studios/me/demo/commit/")
    _, plan = publish(folder, studio(tmp_path))
    assert plan.changes == []
    assert hub.count("POST /api/v1/repos/studios/me/demo/commit/") == commits


def test_a_static_studio_needs_no_gradio(hub, folder, tmp_path):
    publish(folder, Studio("me/page", "static", "", "演示", tmp_path / "sent"))
    assert "sdk_version" not in hub.created[0]
    assert hub.created[0]["sdk_type"] == "static"
    assert sorted(hub.repos["me/page"]) == [".gitattributes", "README.md", "app.py", "model/a.onnx"]


def test_a_gradio_that_studio_does_not_offer_is_refused():
    assert nearest("6.31.0", ["6.2.0", "6.30.1"]) == "6.30.1"
    with pytest.raises(AuthorError, match="offers no Gradio 6"):
        nearest("6.31.0", ["4.44.1"])
