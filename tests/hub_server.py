"""A server on 127.0.0.1 that speaks the Hub's language, and misbehaves on command.

Enough for ``huggingface_hub`` and for brainzoo: repositories, private and gated ones, tokens,
commits with a parent, tags, revisions, ranges. Files are redirected to another host name, as the
Hub does. ``faults`` by file name, as of
:mod:`hostile_server`, strike when files are fetched; ``before`` is called before an endpoint
answers.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from hostile_server import Asked, Fault, Handler, HostileServer

LARGE = (".safetensors", ".npy", ".png", ".bin")

GOOD, READER, STRANGER = "hf_maker", "hf_reader", "hf_stranger"
"""Tokens: may do all, may read all, may read what is open. Any other is refused."""


@dataclasses.dataclass
class Visit(Asked):
    """One request, with its method and the token that it carried."""

    method: str = "GET"
    token: str | None = None
    host: str = ""


@dataclasses.dataclass
class Repository:
    """Commits from the first to the last, each with its parent and all its files."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = dataclasses.field(default_factory=dict)
    head: str = ""
    tags: dict[str, str] = dataclasses.field(default_factory=dict)

    def commit(self, files: dict[str, bytes]) -> str:
        """Add a commit with exactly these files."""
        named = sorted((name, hashlib.sha1(content).hexdigest()) for name, content in files.items())
        self.head = hashlib.sha1(repr((self.head, named)).encode()).hexdigest()
        self.commits[self.head] = dict(files)
        return self.head

    def resolve(self, revision: str) -> str | None:
        found = self.tags.get(revision, self.head if revision == "main" else revision)
        return found if found in self.commits else None


class HubServer(HostileServer):
    """Holds ``repositories`` by name."""

    def __init__(self) -> None:
        super().__init__()
        self.RequestHandlerClass = HubHandler
        self.repositories: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}
        self.before: dict[str, Callable[[HubServer], object]] = {}
        self.lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def elsewhere(self) -> str:
        """The same server under another name, as the Hub's storage has one."""
        return f"http://localhost:{self.server_port}"

    def add(self, name: str, files: dict[str, bytes], **access: bool) -> str:
        """Make a repository, or add a commit to it; return the commit."""
        repository = self.repositories.setdefault(name, Repository())
        for key, value in access.items():
            setattr(repository, key, value)
        return repository.commit(files)

    def fetched(self, name: str = "") -> list[Visit]:
        """Return the requests that asked for a file's content."""
        visits = [v for v in self.requests if isinstance(v, Visit) and v.method == "GET"]
        return [v for v in visits if "/storage/" in v.path and v.path.endswith(name)]


class _Refusal(Exception):
    """An answer of 4xx."""

    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class HubHandler(Handler):
    """Answers one request."""

    server: HubServer

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def etag(self, content: bytes) -> str:
        return hashlib.sha256(content).hexdigest()

    def begin(self, code: int, headers: dict[str, str]) -> None:
        super().begin(code, {"Connection": "close", **headers})

    def body(self, content: bytes, pause_s: float = 0) -> None:
        if self.command != "HEAD":
            super().body(content, pause_s)

    def _answer(self) -> None:
        token = re.sub("^Bearer ", "", self.headers["Authorization"] or "") or None
        self.asked = visit = Visit(
            unquote(self.path),
            self.headers["Range"],
            self.headers["If-Range"],
            method=self.command,
            token=token,
            host=self.headers["Host"],
        )
        self.token = token
        self.server.requests.append(visit)
        self.close_connection = True
        self.content = self._read()
        try:
            for pattern, name in ROUTES:
                match = re.fullmatch(pattern, urlsplit(visit.path).path)
                if match:
                    if name in self.server.before:
                        self.server.before[name](self.server)
                    getattr(self, f"_{name}")(**match.groupdict())
                    return
            raise _Refusal(404, message="no such endpoint")
        except _Refusal as refusal:
            headers = {"X-Error-Message": refusal.message} if refusal.message else {}
            if refusal.code:
                headers["X-Error-Code"] = refusal.code
            self._json({"error": refusal.message or refusal.code}, refusal.status, headers)

    def _read(self) -> bytes:
        """Return the request's body, chunked or not."""
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"] or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _json(self, value: Any, code: int = 200, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(value).encode()
        own = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        self.begin(code, own | (headers or {}))
        self.body(content)

    def _repository(self, name: str, *, content: bool = False, write: bool = False) -> Repository:
        """Return a repository that the token may use so."""
        known = (GOOD, READER, STRANGER)
        if self.token is not None and self.token not in known:
            raise _Refusal(401, message="Invalid credentials in Authorization header")
        repository = self.server.repositories.get(name)
        allowed = self.token in (GOOD, READER)
        if repository is None or (repository.private and not allowed):
            raise _Refusal(404 if self.token else 401, "RepoNotFound", "Repository not found")
        if content and repository.gated and not allowed:
            raise _Refusal(403 if self.token else 401, "GatedRepo", "Access is restricted")
        if write and self.token != GOOD:
            raise _Refusal(403 if self.token else 401, message="You may not write here")
        return repository

    def _commit_of(self, repository: Repository, revision: str) -> str:
        commit = repository.resolve(revision)
        if commit is None:
            raise _Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit

    # What reads.

    def _whoami(self) -> None:
        if self.token not in (GOOD, READER, STRANGER):
            raise _Refusal(401, message="Invalid credentials in Authorization header")
        self._json({"name": "maker", "type": "user", "orgs": [], "auth": {"type": "access_token"}})

    def _info(self, repo: str, revision: str = "main") -> None:
        repository = self._repository(repo)
        head = self._commit_of(repository, revision) if repository.commits else ""
        blobs = "blobs=" in urlsplit(self.path).query
        held = sorted(repository.commits.get(head, {}).items())
        files = [
            {"rfilename": name} | (_blob(name, content) if blobs else {}) for name, content in held
        ]
        own = {"id": repo, "modelId": repo, "private": repository.private, "siblings": files}
        self._json(own | {"sha": head or None, "tags": [], "gated": repository.gated})

    def _refs(self, repo: str) -> None:
        repository = self._repository(repo)
        heads = [{"name": "main", "ref": "refs/heads/main", "targetCommit": repository.head}]
        tags = [
            {"name": name, "ref": f"refs/tags/{name}", "targetCommit": commit}
            for name, commit in repository.tags.items()
        ]
        self._json({"branches": heads, "converts": [], "tags": tags})

    def _resolve(self, repo: str, revision: str, name: str) -> None:
        repository = self._repository(repo, content=True)
        commit = self._commit_of(repository, revision)
        content = repository.commits[commit].get(name)
        if content is None:
            raise _Refusal(404, "EntryNotFound", "Entry not found")
        digest = hashlib.sha256(content).hexdigest()
        self.server.large[digest] = content
        etag = digest if name.endswith(LARGE) else _git_sha1(content)
        headers = {
            "X-Repo-Commit": commit,
            "X-Linked-Etag": f'"{etag}"',
            "X-Linked-Size": str(len(content)),
            "Location": f"{self.server.elsewhere}/storage/{digest}/{name}",
            "Content-Length": "0",
        }
        self.begin(302, headers)

    def _storage(self, digest: str, name: str) -> None:
        content = self.server.large[digest]
        faults = self.server.faults.get(name, [])
        fault: Fault | None = None
        with self.server.lock:
            if faults and self.command == "GET":
                fault = faults.pop(0)
        fault(self, content) if fault else self.serve(content)

    # What writes.

    def _create(self) -> None:
        asked = json.loads(self.content)
        name = f"{asked.get('organization') or 'maker'}/{asked['name']}"
        if self.token != GOOD:
            message = "You may not write here" if self.token in (READER, STRANGER) else ""
            refused = message or "Invalid credentials in Authorization header"
            raise _Refusal(403 if message else 401, message=refused)
        there = name in self.server.repositories
        if not there:
            private = asked.get("visibility") == "private" or bool(asked.get("private"))
            self.server.add(name, {".gitattributes": b"* lfs\n"}, private=private)
        url = f"{self.server.endpoint}/{name}"
        self._json({"url": url, "id": name, "name": name}, 409 if there else 200)

    def _validate(self) -> None:
        content = json.loads(self.content)["content"]
        good = content.startswith("---\n")
        errors = [] if good else [{"message": "no metadata"}]
        self._json({"errors": errors, "warnings": []}, 200 if good else 400)

    def _preupload(self, repo: str, revision: str) -> None:
        repository = self._repository(repo, write=True)
        held = repository.commits[self._commit_of(repository, revision)]
        names = [file["path"] for file in json.loads(self.content)["files"]]
        how = {"uploadMode": "regular", "shouldIgnore": False}
        oids = {name: {"oid": _git_sha1(content)} for name, content in held.items()}
        self._json({"files": [{"path": n, **how, **oids.get(n, {})} for n in names]})

    def _commit(self, repo: str, revision: str) -> None:
        repository = self._repository(repo, write=True)
        files = dict(repository.commits[self._commit_of(repository, revision)])
        for line in self.content.splitlines():
            item = json.loads(line)
            key, value = item["key"], item["value"]
            if key == "header" and value.get("parentCommit") not in (None, repository.head):
                raise _Refusal(412, message="A commit has happened since. Please refresh")
            if key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "deletedFile":
                files.pop(value["path"])
        commit = repository.commit(files)
        url = f"{self.server.endpoint}/{repo}/commit/{commit}"
        self._json({"success": True, "commitOid": commit, "commitUrl": url, "hookOutput": ""})

    def _tag(self, repo: str, revision: str) -> None:
        repository = self._repository(repo, write=True)
        commit, name = self._commit_of(repository, revision), json.loads(self.content)["tag"]
        if name in repository.tags:
            raise _Refusal(409, message=f"Tag {name} already exists")
        repository.tags[name] = commit
        self._json({})


_REPO = r"(?P<repo>[\w.-]+/[\w.-]+)"
_REVISION = r"(?P<revision>[^/]+)"
ROUTES = [
    ("/api/whoami-v2", "whoami"),
    ("/api/repos/create", "create"),
    ("/api/validate-yaml", "validate"),
    (f"/api/models/{_REPO}", "info"),
    (f"/api/models/{_REPO}/revision/{_REVISION}", "info"),
    (f"/api/models/{_REPO}/refs", "refs"),
    (f"/api/models/{_REPO}/preupload/{_REVISION}", "preupload"),
    (f"/api/models/{_REPO}/commit/{_REVISION}", "commit"),
    (f"/api/models/{_REPO}/tag/{_REVISION}", "tag"),
    (f"/{_REPO}/resolve/{_REVISION}/(?P<name>.+)", "resolve"),
    (r"/storage/(?P<digest>\w{64})/(?P<name>.+)", "storage"),
]


def flip(at: int) -> Fault:
    """Send the file with one bit of one byte changed, and the headers of the right one."""

    def fault(handler: Handler, content: bytes) -> None:
        etag = handler.etag(content)
        handler.etag = lambda content: etag  # type: ignore[method-assign]
        handler.serve(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])

    return fault


@contextlib.contextmanager
def hub_server() -> Iterator[HubServer]:
    """Run a server in a thread while the block lasts."""
    with HubServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _item(name: str, content: bytes) -> dict[str, Any]:
    item: dict[str, Any] = {"type": "file", "path": name, "size": len(content)}
    if name.endswith(LARGE):
        oid = hashlib.sha256(content).hexdigest()
        pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n"
        text = pointer % (oid.encode(), len(content))
        item["lfs"] = {"oid": oid, "size": len(content), "pointerSize": len(text)}
        content = text
    return {**item, "oid": _git_sha1(content)}


def _blob(name: str, content: bytes) -> dict[str, Any]:
    item = _item(name, content)
    lfs = {"sha256": item["lfs"]["oid"], **item["lfs"]} if "lfs" in item else None
    return {"size": item["size"], "blobId": item["oid"]} | ({"lfs": lfs} if lfs else {})


def _git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\x00" % len(content) + content).hexdigest()
