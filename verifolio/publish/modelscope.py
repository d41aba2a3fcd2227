"""Studios on ModelScope, through its own client (`modelscope_hub`); MODELSCOPE_ENDPOINT names another site.

Its default branch is master, its Gradio versions are a list of its own, and a commit deploys nothing: that is
asked for at the end.
"""

from __future__ import annotations

import glob
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifolio.errors import AuthorError
from verifolio.publish.plan import Plan, diff, read_local
from verifolio.publish.redaction import redact

KEEP = {".gitattributes", ".gitignore"}
LICENSES = {"mit": "mit", "apache-2.0": "apache-2.0"}


@dataclass
class Studio:
    """One Studio."""

    repo_id: str
    sdk: str
    gradio: str  # the pinned version; empty for static
    title: str
    tracker: Path  # where the client keeps what it has sent, so that a cut upload goes on
    _exists: bool = False

    @property
    def url(self) -> str:
        return f"{api()._config.endpoint}/studios/{self.repo_id}"

    def plan(self, folder: Path, *, signed_in: bool) -> Plan:
        """What pushing `folder` would change; reads the hub, changes nothing."""
        from modelscope_hub.errors import NotExistError

        plan = Plan(f"ModelScope Studio ({self.sdk})", self.url)
        remote: dict[str, tuple[int, str]] = {}
        try:
            with _explained(self.repo_id):
                if self.sdk == "gradio":
                    plan.notes.append(_version_note(self.gradio, self.version()))
                api().get_repo(self.repo_id, "studio")
                self._exists = True
                remote = self._listing()
        except AuthorError as error:
            if isinstance(error.__cause__, NotExistError):
                plan.notes.append("not there yet: would be created")
            elif signed_in or error.__cause__ is None:
                raise
            else:
                plan.notes.append(
                    f"the hub could not be asked, all counts as new ({error.faults[0].message})"
                )
        return diff(plan, read_local(folder), remote, KEEP)

    def push(self, folder: Path, plan: Plan) -> str:
        """Create the Studio if need be, make it hold exactly `folder`, deploy it."""
        with _explained(self.repo_id):
            client = api()
            version = {"sdk_version": self.version()} if self.sdk == "gradio" else {}
            if not self._exists:
                client.create_repo(
                    self.repo_id,
                    "studio",
                    visibility="public",
                    chinese_name=self.title,
                    sdk_type=self.sdk,
                    **version,
                )
                plan = diff(Plan(plan.what, plan.where), read_local(folder), self._listing(), KEEP)
            elif version:
                client.update_repo_settings(self.repo_id, "studio", **version)
            if names := plan.paths("add", "change"):
                self.tracker.parent.mkdir(parents=True, exist_ok=True)
                with _causes_told():
                    client.upload_folder(
                        self.repo_id,
                        "studio",
                        folder_path=folder,
                        allow_patterns=[glob.escape(name) for name in names],
                        commit_message=f"{len(names)} files, by verifolio publish",
                        use_cache=True,
                        tracker_path=self.tracker,
                        disable_tqdm=True,
                    )
            if stale := plan.paths("remove"):
                client.delete_files(
                    self.repo_id, "studio", stale, commit_message="Stale files, by verifolio publish"
                )
            left = diff(Plan("", ""), read_local(folder), self._listing(), KEEP).changes
            if left:
                named = ", ".join(one.path for one in left[:4])
                raise AuthorError(
                    f"{self.repo_id}: {len(left)} files are not there as sent ({named})",
                    hint="give the same command again: what is already there is not sent twice",
                )
            client.deploy_repo(self.repo_id, "studio")
        return "master"

    def state(self) -> tuple[str, str]:
        """(running, waiting or broken; the hub's own word)."""
        with _explained(self.repo_id):
            found = api().openapi.get_studio(*self.repo_id.split("/"))
        runtime = found.get("runtime") if isinstance(found, dict) else None
        word = str((runtime or {}).get("status") or "unknown")
        if word.lower() == "running":
            return "running", word
        broken = re.search(r"fail|error|stop|expire|paus", word.lower())
        return ("broken" if broken else "waiting"), word

    def app_url(self) -> str:
        """Where the Studio's app answers."""
        return app_url(self.repo_id)

    def version(self) -> str:
        """The Gradio that the Studio offers nearest to the pinned one: the same major version."""
        if not hasattr(self, "_version"):
            offered = [
                str(one.get("version", "")) for one in api().list_studio_sdk_versions(sdk_type="gradio")
            ]
            self._version = nearest(self.gradio, offered)
        return self._version

    def _listing(self) -> dict[str, tuple[int, str]]:
        files = api().list_repo_files(self.repo_id, "studio")
        return {one.path: (one.size, one.sha256 or "") for one in files if one.type != "tree"}


def nearest(pinned: str, offered: list[str]) -> str:
    """The pinned version if it is offered, else the newest of its major version."""
    if pinned in offered:
        return pinned
    major = pinned.partition(".")[0]
    same = [one for one in offered if one.partition(".")[0] == major]
    if not same:
        listed = ", ".join(sorted(offered, key=_numbers)) or "none"
        raise AuthorError(
            f"Studio offers no Gradio {major} (it offers {listed}); the app is pinned to {pinned}",
            hint="take the gradio target out of modelscope: in demo.yml until it does, or use sdk: static",
        )
    return max(same, key=_numbers)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _version_note(pinned: str, offered: str) -> str:
    if pinned == offered:
        return f"Gradio {offered}, as pinned"
    return f"Studio's nearest Gradio is {offered}; requirements.txt installs the pinned {pinned} over it"


def app_url(repo_id: str) -> str:
    """A Studio's own address."""
    return f"https://{repo_id.replace('/', '-').replace('_', '-').lower()}.ms.show"


def api() -> Any:
    """The real client; its token comes from MODELSCOPE_API_TOKEN or its own store."""
    from modelscope_hub import HubApi
    from modelscope_hub.config import HubConfig

    return HubApi(HubConfig())


def signed_in() -> bool:
    """Whether the client has a token at all."""
    return bool(api()._config.token)


class _causes_told(logging.Handler):
    """The client says only how many files failed; why stands in its log, so the log is listened to."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.cause: Exception | None = None

    def emit(self, record: logging.LogRecord) -> None:
        told = [one for one in record.args or () if isinstance(one, Exception)]
        self.cause = told[-1] if told else self.cause

    def __enter__(self) -> None:
        logging.getLogger("modelscope_hub.upload").addHandler(self)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        logging.getLogger("modelscope_hub.upload").removeHandler(self)
        if isinstance(error, Exception) and self.cause is not None:
            raise self.cause from error


class _explained:
    """Turns what the client raises into what to do about it; other exceptions are ours and pass."""

    def __init__(self, repo_id: str) -> None:
        self.repo_id = repo_id

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, AuthorError) or not isinstance(error, Exception):
            return
        message, hint = _explain(error, self.repo_id)
        if message:
            raise AuthorError(redact(message), hint=redact(hint)) from error


def _explain(error: Exception, repo_id: str) -> tuple[str, str]:
    from modelscope_hub import errors

    owner = repo_id.partition("/")[0]
    again = "give the same command again: what is already there is not sent twice"
    status = getattr(error, "status_code", None)
    said = (
        str(getattr(error, "message", "") or error).splitlines()[0][:200]
        if str(error)
        else type(error).__name__
    )
    if isinstance(error, errors.AuthenticationError) or status == 401:
        return (
            "not signed in to ModelScope, or the token is refused",
            "modelscope login --token …, or set MODELSCOPE_API_TOKEN, with a token that may write",
        )
    if isinstance(error, errors.PermissionDeniedError) or status == 403:
        return (
            f"the token may not write to {repo_id}",
            f"use a token of ‘{owner}’, or set your name in publish.yml",
        )
    if isinstance(error, errors.QuotaExceededError) or status == 402:
        return (
            f"{repo_id}: the free quota is used up ({said})",
            "stop another Studio, or publish the static variant",
        )
    if isinstance(error, errors.NotExistError):
        return f"{repo_id} is not there", "check the owner's name in publish.yml"
    if isinstance(error, errors.AlreadyExistsError) or status == 409:
        return f"{repo_id}: in conflict with what the hub holds ({said})", again
    if isinstance(error, errors.RateLimitError):
        return "ModelScope limits how often you may ask", f"wait a few minutes; {again}"
    if isinstance(error, errors.NetworkError | ConnectionError | TimeoutError):
        return (
            f"{api()._config.endpoint}: the connection failed or was cut",
            f"check the network, then {again}",
        )
    if isinstance(error, errors.ServerError | errors.StorageError):
        return f"ModelScope answers with a fault of its own ({said})", f"wait; {again}"
    if isinstance(error, errors.HubError):
        return f"{repo_id}: ModelScope refuses ({said})", f"mend what it names, then {again}"
    return "", ""
