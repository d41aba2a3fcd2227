"""Spaces and model repositories on the Hugging Face Hub (or the mirror that HF_ENDPOINT names).

Talks through huggingface_hub only: one commit with everything, stale files deleted in it, files that the hub
has already not sent. An upload that was cut goes on where it was: what the hub stored it does not ask for again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verifolio.errors import AuthorError
from verifolio.publish.plan import Plan, diff, read_local
from verifolio.publish.redaction import redact

KEEP = {".gitattributes"}  # the hub's own
PAID = (
    "Hugging Face charges for new Gradio Spaces on cpu-basic. Free ways: ‘sdk: static’ (the demo in the "
    "visitor's browser), ‘hardware: zero-a10g’ (two ZeroGPU Spaces an account), or modelscope: (Studio's free "
    "2 vCPU). Change publish: in the demo's demo.yml, or take out PRO"
)
BROKEN = ("BUILD_ERROR", "RUNTIME_ERROR", "CONFIG_ERROR", "NO_APP_FILE", "DELETING", "STOPPED", "PAUSED")


@dataclass
class Repository:
    """One repository on the hub: `kind` is space or model."""

    repo_id: str
    kind: str
    sdk: str = ""
    hardware: str = ""
    _head: str | None = None

    @property
    def url(self) -> str:
        prefix = "spaces/" if self.kind == "space" else ""
        return f"{endpoint()}/{prefix}{self.repo_id}"

    def plan(self, folder: Path, *, signed_in: bool) -> Plan:
        """What pushing `folder` would change; reads the hub, changes nothing."""
        from huggingface_hub.errors import RepositoryNotFoundError

        what = f"Hugging Face {self.kind} ({self.sdk})" if self.sdk else f"Hugging Face {self.kind}"
        plan = Plan(what, self.url)
        remote: dict[str, tuple[int, str]] = {}
        try:
            with _explained(self.repo_id):
                info = api().repo_info(self.repo_id, repo_type=self.kind)
                self._head = info.sha
                remote = self._listing() if self._head else {}
        except AuthorError as error:
            if not isinstance(error.__cause__, RepositoryNotFoundError):
                if signed_in:
                    raise
                plan.notes.append(
                    f"the hub could not be asked, all counts as new ({error.faults[0].message})"
                )
            elif error.__cause__.response.status_code == 401 and signed_in:
                raise
            else:
                plan.notes.append("not there yet: would be created")
        return diff(plan, read_local(folder), remote, KEEP)

    def push(self, folder: Path, plan: Plan) -> str:
        """Create the repository if need be and make it hold exactly `folder`; returns the commit."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        with _explained(self.repo_id):
            client = api()
            space = (
                {"space_sdk": self.sdk, "space_hardware": self.hardware or None}
                if self.kind == "space"
                else {}
            )
            if self._head is None:
                client.create_repo(self.repo_id, repo_type=self.kind, exist_ok=True, **space)
                self._head = client.repo_info(self.repo_id, repo_type=self.kind).sha
                remote = self._listing() if self._head else {}
                plan = diff(Plan(plan.what, plan.where), read_local(folder), remote, KEEP)
            elif self.kind == "space" and self.hardware:
                self._set_hardware(client)
            if not plan.changes:
                return self._head or ""
            operations: list[Any] = [CommitOperationDelete(name) for name in plan.paths("remove")]
            for name in plan.paths("add", "change"):
                operations.append(CommitOperationAdd(name, str(folder / name)))
            done = client.create_commit(
                self.repo_id,
                operations,
                repo_type=self.kind,
                commit_message=f"{len(operations)} files, by verifolio publish",
                parent_commit=self._head,
            )
            left = diff(Plan("", ""), read_local(folder), self._listing(), KEEP).changes
        if left:
            named = ", ".join(one.path for one in left[:4])
            raise AuthorError(
                f"{self.repo_id}: the hub left out what was sent ({named})",
                hint="a .gitignore at the root of the repository hides files: delete it there, publish again",
            )
        self._head = done.oid
        return str(done.oid)

    def state(self) -> tuple[str, str]:
        """(running, waiting or broken; the hub's own word) of a Space."""
        with _explained(self.repo_id):
            runtime = api().get_space_runtime(self.repo_id)
        stage = str(getattr(runtime.stage, "value", runtime.stage))
        if stage in BROKEN:
            reason = str(runtime.raw.get("errorMessage") or "")
            return "broken", f"{stage} {redact(reason)}".strip()
        behind = runtime.raw.get("sha") not in (
            None,
            self._head,
        )  # the app of the commit before still answers
        return ("waiting" if behind or stage != "RUNNING" else "running"), stage

    def app_url(self) -> str:
        """Where the Space's app answers."""
        with _explained(self.repo_id):
            info = api().space_info(self.repo_id)
        return str(
            info.host or f"https://{info.subdomain or self.repo_id.replace('/', '-').lower()}.hf.space"
        )

    def _listing(self) -> dict[str, tuple[int, str]]:
        from huggingface_hub.hf_api import RepoFile

        tree = api().list_repo_tree(self.repo_id, repo_type=self.kind, recursive=True)
        return {
            one.path: (one.size, one.lfs.sha256 if one.lfs else one.blob_id)
            for one in tree
            if isinstance(one, RepoFile)
        }

    def _set_hardware(self, client: Any) -> None:
        runtime = client.get_space_runtime(self.repo_id)
        if str(runtime.requested_hardware or runtime.hardware or "") not in ("", self.hardware):
            client.request_space_hardware(self.repo_id, hardware=self.hardware)


def endpoint() -> str:
    """The hub, or the mirror of it that HF_ENDPOINT names."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"


def api() -> Any:
    """The real client; its token comes from HF_TOKEN or its own store."""
    from huggingface_hub import HfApi

    return HfApi(endpoint=endpoint(), library_name="verifolio")


def signed_in() -> bool:
    """Whether the client has a token at all."""
    from huggingface_hub import get_token

    return bool(get_token())


class _explained:
    """Turns what the client raises into what to do about it; other exceptions are ours and pass."""

    def __init__(self, repo_id: str) -> None:
        self.repo_id = repo_id

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, AuthorError) or not isinstance(error, Exception):
            return
        root = _http_cause(error)
        message, hint = _explain(root, self.repo_id)
        if message:
            raise AuthorError(redact(message), hint=redact(hint)) from root


def _http_cause(error: Exception) -> BaseException:
    """The hub's answer below the client's own wrapping."""
    found: BaseException = error
    while getattr(found, "response", None) is None and found.__cause__ is not None:
        found = found.__cause__
    return found


def _explain(error: BaseException, repo_id: str) -> tuple[str, str]:
    response = getattr(error, "response", None)
    again = "give the same command again: what is already there is not sent twice"
    if response is None:
        if _is_network(error):
            return (
                f"{endpoint()}: the connection failed or was cut ({_short(error)})",
                f"check the network, then {again}",
            )
        if type(error) is RuntimeError:  # what hf_xet raises for whatever its storage answers
            return (
                f"{repo_id}: the weights could not be stored ({_short(error)})",
                f"{again}; if it stays so, set HF_HUB_DISABLE_XET=1 to send them the older way",
            )
        return "", ""
    status = int(response.status_code)
    said = _short(error)
    owner = repo_id.partition("/")[0]
    table: dict[int, tuple[str, str]] = {
        401: (
            "not signed in to Hugging Face, or the token is refused",
            "hf auth login, or set HF_TOKEN, with a token that may write",
        ),
        402: (f"{repo_id}: payment required", PAID),
        403: (
            f"the token may not write to {repo_id}",
            f"make a token with write permission for ‘{owner}’, or set your own name in publish.yml",
        ),
        404: (
            f"{repo_id} is not there, or the token may not see it",
            "check the owner's name in publish.yml",
        ),
        409: (f"{repo_id}: in conflict with what the hub holds ({said})", again),
        412: (
            f"{repo_id}: someone committed while this ran",
            "run without --yes to see what differs now, then again",
        ),
        429: ("Hugging Face limits how often you may ask", f"wait a few minutes; {again}"),
    }
    if status in table:
        return table[status]
    if status >= 500:
        return (
            f"Hugging Face answers {status}: a fault of the hub's",
            f"wait, see status.huggingface.co; {again}",
        )
    return f"{repo_id}: the hub refuses ({status}: {said})", "mend what it names; nothing was committed"


def _is_network(error: BaseException) -> bool:
    module = type(error).__module__.partition(".")[0]
    return isinstance(error, ConnectionError | TimeoutError) or module in (
        "httpx",
        "httpx2",
        "httpcore2",
        "hf_xet",
    )


def _short(error: BaseException) -> str:
    said = getattr(error, "server_message", None) or str(error).strip() or type(error).__name__
    return str(said).splitlines()[-1][:200]


Progress = Callable[[str], None]
