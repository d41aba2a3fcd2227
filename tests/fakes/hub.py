"""A small Hugging Face Hub and ModelScope in this process: their wire protocols, content checked, faults on request.

Speaks what huggingface_hub and modelscope_hub say over HTTP; keeps repositories in memory.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

TOKEN = "hf_SecretOfTheTest123456"


class Hub(ThreadingHTTPServer):
    """State of the fake: repositories, blobs, faults to give, and what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repos: dict[str, dict[str, tuple[str, bytes]]] = {}  # repo → path → (LFS SHA-256 or "", bytes)
        self.heads: dict[str, int] = {}
        self.blobs: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.faults: dict[str, list[int]] = {}  # start of "METHOD path" → statuses to give first; 0 cuts
        self.created: list[dict] = []
        self.stages = ["BUILDING", "RUNNING"]
        self.app_host = ""
        self.deployed = 0
        self.versions = ["5.49.0", "6.20.0"]
        self.connections: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def process_request(self, request, client_address) -> None:
        self.connections.append(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        """End all connections: a client that keeps one alive would meet this hub on another's port."""
        for one in self.connections:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def count(self, start: str) -> int:
        return sum(one.startswith(start) for one in self.asked)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self.route("GET")

    def do_POST(self) -> None:
        self.route("POST")

    def do_PUT(self) -> None:
        self.route("PUT")

    def do_PATCH(self) -> None:
        self.route("PATCH")

    def answer(self, body: object = None, status: int = 200, **headers: str) -> None:
        payload = json.dumps(body if body is not None else {}).encode()
        self.send_response(status)
        for key, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def route(self, method: str) -> None:
        hub, path = self.server, unquote(urlsplit(self.path).path)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        hub.asked.append(f"{method} {path}")
        for start, statuses in hub.faults.items():
            if f"{method} {path}".startswith(start) and statuses:
                status = statuses.pop(0)
                if status == 0:
                    self.connection.close()
                    self.close_connection = True
                    return
                said = f"refused {self.headers.get('Authorization', '')}"  # a server that echoes what it got
                return self.answer({"error": said, "message": said, "success": False}, status)
        presigned = path.startswith("/blob/")
        if method != "GET" and not presigned and TOKEN not in str(self.headers.get("Authorization", "")):
            return self.answer({"error": "Invalid credentials"}, 401)
        if path.startswith(("/openapi/", "/api/v1/", "/blob/")):
            return self.modelscope(method, path, body)
        return self.huggingface(method, path, body)

    def huggingface(self, method: str, path: str, body: bytes) -> None:
        hub = self.server
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            hub.created.append(asked)
            hub.repos.setdefault(name, {})
            hub.heads.setdefault(name, 1)
            return self.answer({"url": f"{hub.url}/{name}"})
        if path == "/api/validate-yaml":
            return self.answer({"errors": [], "warnings": []})
        match = re.match(r"/(?:api/(?:spaces|models)/|(?:spaces/)?)([\w.-]+/[\w.-]+?)(?:\.git)?(/.*)?$", path)
        name, rest = (match[1], match[2] or "") if match else ("", "")
        if name not in hub.repos:
            return self.answer({"error": "Repository not found"}, 404, **{"X-Error-Code": "RepoNotFound"})
        files, sha = hub.repos[name], f"{hub.heads[name]:040x}"
        if rest in ("", "/revision/main"):
            return self.answer(
                {"id": name, "sha": sha, "host": hub.app_host, "subdomain": "x", "siblings": []}
            )
        if rest == "/runtime":
            stage = hub.stages.pop(0) if len(hub.stages) > 1 else hub.stages[0]
            return self.answer({"stage": stage, "hardware": {"current": None, "requested": None}, "sha": sha})
        if rest.startswith("/tree/"):
            return self.answer([_entry(one, lfs, data) for one, (lfs, data) in sorted(files.items())])
        if rest.startswith("/preupload/"):
            out = []
            for one in json.loads(body)["files"]:
                mode = "lfs" if one["path"].endswith((".onnx", ".safetensors", ".bin")) else "regular"
                out.append({"path": one["path"], "uploadMode": mode, "shouldIgnore": False})
            return self.answer({"files": out})
        if rest == "/info/lfs/objects/batch":
            objects = []
            for one in json.loads(body)["objects"]:
                actions = (
                    None if one["oid"] in hub.blobs else {"upload": {"href": f"{hub.url}/blob/{one['oid']}"}}
                )
                objects.append({**one, **({"actions": actions} if actions else {})})
            return self.answer({"transfer": "basic", "objects": objects})
        if rest.startswith("/commit/"):
            lines = [json.loads(line) for line in body.decode().splitlines() if line]
            if lines[0]["value"].get("parentCommit") not in (None, sha):
                return self.answer({"error": "A commit has happened since"}, 412)
            for line in lines[1:]:
                value = line["value"]
                if line["key"] == "file":
                    files[value["path"]] = ("", base64.b64decode(value["content"]))
                elif line["key"] == "lfsFile":
                    if value["oid"] not in hub.blobs:
                        return self.answer({"error": "no such blob"}, 400)
                    files[value["path"]] = (value["oid"], hub.blobs[value["oid"]])
                elif line["key"] == "deletedFile":
                    del files[value["path"]]
            hub.heads[name] += 1
            oid = f"{hub.heads[name]:040x}"
            return self.answer({"commitUrl": f"{hub.url}/{name}/commit/{oid}", "commitOid": oid})
        return self.answer({"error": f"fake: {method} {path}"}, 404)

    def modelscope(self, method: str, path: str, body: bytes) -> None:
        hub = self.server
        if path.startswith("/blob/"):
            if hashlib.sha256(body).hexdigest() != path.removeprefix("/blob/"):
                return self.answer({"error": "wrong hash"}, 400)
            hub.blobs[path.removeprefix("/blob/")] = body
            return self.answer({"Code": 200})
        if path == "/openapi/v1/studios/sdk-versions":
            return self.answer(
                {"success": True, "data": {"sdk_versions": [{"version": v} for v in hub.versions]}}
            )
        if path == "/openapi/v1/studios":
            asked = json.loads(body)
            hub.created.append(asked)
            hub.repos[f"{asked['owner']}/{asked['repo_name']}"] = {".gitattributes": ("", b"x")}
            return self.answer({"success": True, "data": asked})
        match = re.match(r"/(?:openapi/v1|api/v1(?:/repos)?)/studios/([\w.-]+/[\w.-]+?)(/.*)?$", path)
        name, rest = (match[1], match[2] or "") if match else ("", "")
        if name not in hub.repos:
            return self.answer({"success": False, "message": "not found"}, 404)
        files = hub.repos[name]
        if rest in ("", "/settings"):
            stage = hub.stages.pop(0) if len(hub.stages) > 1 else hub.stages[0]
            return self.answer(
                {"success": True, "data": {"repo_name": name, "runtime": {"status": stage.lower()}}}
            )
        if rest == "/deploy":
            hub.deployed += 1
            return self.answer({"success": True, "data": {}})
        if rest == "/repo/files":
            out = [
                {"Path": one, "Size": len(data), "Type": "blob", "Sha256": hashlib.sha256(data).hexdigest()}
                for one, (_, data) in files.items()
            ]
            return self.answer({"Code": 200, "Data": {"Files": out}})
        if rest == "/info/lfs/objects/batch":
            wanted = [one for one in json.loads(body)["objects"] if one["oid"] not in hub.blobs]
            out = [{**one, "actions": {"upload": {"href": f"{hub.url}/blob/{one['oid']}"}}} for one in wanted]
            return self.answer({"Code": 200, "Data": {"objects": out}})
        if rest.startswith("/commit/master"):
            for one in json.loads(body)["actions"]:
                if one["action"] == "delete":
                    del files[one["path"]]
                elif one["type"] == "lfs":
                    files[one["path"]] = (one["sha256"], hub.blobs[one["sha256"]])
                else:
                    files[one["path"]] = ("", base64.b64decode(one["content"]))
            return self.answer({"Code": 200, "Success": True, "Data": {}})
        return self.answer({"message": f"fake: {method} {path}"}, 404)


def _entry(path: str, lfs: str, data: bytes) -> dict:
    sha1 = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    found = {"type": "file", "path": path, "size": len(data), "oid": sha1}
    return {**found, "lfs": {"oid": lfs, "size": len(data), "pointerSize": 130}} if lfs else found


@contextmanager
def running_hub():
    """The fake on a free port, until the block ends."""
    hub = Hub()
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        hub.hang_up()
        thread.join()
