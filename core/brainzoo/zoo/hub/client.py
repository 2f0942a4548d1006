"""What pulling asks of a Hub, and its refusals as one clear line.

Files are fetched by :mod:`brainzoo.common.downloads`, which resumes across kills and compares
checksums; the Hub's own client does neither across processes, so it is used for publishing only.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit
from urllib.request import Request

from brainzoo.common.downloads.web import clean, explain, open_url
from brainzoo.common.errors import (
    AuthorisationError,
    BrainzooError,
    IntegrityError,
    NetworkError,
    NotFoundError,
    OptionError,
)
from brainzoo.zoo.hub.answers import Listed, State, digest, listed

OFFICIAL = "https://huggingface.co"
ANSWER_WITHIN_S = 8.0
"""A Hub that has not answered the first question by then counts as out of reach."""
MAX_ANSWER_BYTES = 4_000_000
YES = ("1", "on", "yes", "true")


@dataclasses.dataclass(frozen=True)
class Hub:
    """A Hub, or a mirror of it, and how to speak to it.

    Attributes:
        endpoint: Its address, without a slash at the end.
        token: Sent with every request to that address, to no other; may be empty.
        offline: Whether asking it is forbidden.
        token_held_back: Whether there is a token, which is meant for the official Hub only.
    """

    endpoint: str
    token: str = dataclasses.field(default="", repr=False)
    offline: bool = False
    token_held_back: bool = False

    @classmethod
    def of(
        cls,
        *,
        offline: bool | None = None,
        endpoint: str | None = None,
        token: str | None = None,
    ) -> Hub:
        """Return the Hub that the arguments name, else the environment, else the official one.

        ``HF_ENDPOINT`` names a mirror and ``HF_HUB_OFFLINE`` forbids the network. A token that was
        stored or stands in ``HF_TOKEN`` is for the official Hub; elsewhere only a given one goes.

        Raises:
            OptionError: The address is none.
        """
        address = (endpoint or os.environ.get("HF_ENDPOINT") or OFFICIAL).strip().rstrip("/")
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise OptionError(
                f"{clean(re.sub('//.*@', '//', address))!r} is no address of a Hub.",
                "Set HF_ENDPOINT to one such as https://huggingface.co, or unset it.",
            )
        if offline is None:
            offline = os.environ.get("HF_HUB_OFFLINE", "").strip().lower() in YES
        held_back = False
        if token is None and not offline:
            token = _stored_token()
            if token and address != OFFICIAL:
                token, held_back = "", True
        token = (token or "").strip()
        if token and not re.fullmatch(r"[!-~]{1,400}", token):
            raise OptionError("the token is not one word of plain letters.", "Copy it again.")
        return cls(address, token, offline, held_back)

    @property
    def host(self) -> str:
        """The server's name, for messages."""
        return urlsplit(self.endpoint).netloc

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def url(self, repo: str, commit: str, name: str) -> str:
        """Return the address of one file at a commit."""
        return f"{self.endpoint}/{repo}/resolve/{commit}/{quote(name)}"

    def expect_access(self, repo: str, commit: str, name: str) -> None:
        """Ask whether a file may be had, without fetching it.

        Raises:
            NetworkError: The Hub is out of reach; within :data:`ANSWER_WITHIN_S` seconds.
            AuthorisationError: It is private or gated, or the token is refused.
            NotFoundError: There is no such repository, commit or file.
        """
        self._ask(self.url(repo, commit, name), f"{repo}@{commit[:12]}", method="HEAD")

    def files(self, repo: str, commit: str) -> list[Listed]:
        """Return the files at the top of a repository at a commit.

        Raises:
            NetworkError: The Hub is out of reach.
            AuthorisationError: It is private or gated, or the token is refused.
            NotFoundError: There is no such repository or commit.
            IntegrityError: The answer makes no sense.
        """
        url = f"{self.endpoint}/api/models/{repo}/tree/{commit}"
        with self._understanding(url):
            items = json.loads(self._ask(url, f"{repo}@{commit}"))
            return [listed(item) for item in items if item.get("type") == "file"]

    def content(self, repo: str, revision: str, name: str) -> bytes:
        """Return a small file; nothing pins it, so that it must not be trusted.

        Raises:
            NetworkError: The Hub is out of reach.
            AuthorisationError: It is private or gated, or the token is refused.
            NotFoundError: There is no such repository or file.
        """
        return self._ask(self.url(repo, revision, name), f"{repo}@{revision}/{name}")

    def user(self) -> str:
        """Return whose token it is.

        Raises:
            AuthorisationError: The token is refused.
            NetworkError: The Hub is out of reach.
        """
        url = f"{self.endpoint}/api/whoami-v2"
        with self._understanding(url):
            return str(json.loads(self._ask(url, "its owner"))["name"])

    def state(self, repo: str) -> State | None:
        """Return head and tags of a repository, or nothing if it is not there.

        Raises:
            AuthorisationError: The token may not read it.
            NetworkError: The Hub is out of reach.
        """
        url = f"{self.endpoint}/api/models/{repo}/refs"
        with self._understanding(url):
            try:
                refs = json.loads(self._ask(url, repo))
            except NotFoundError:
                return None
            heads = [digest(b["targetCommit"], 40) for b in refs["branches"] if b["name"] == "main"]
            tags = {str(tag["name"]): digest(tag["targetCommit"], 40) for tag in refs["tags"]}
            return State(heads[0] if heads else None, tags)

    @contextmanager
    def _understanding(self, url: str) -> Iterator[None]:
        try:
            yield
        except BrainzooError:
            raise
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise IntegrityError(
                f"{self.host} gives an answer that makes no sense: {url}.",
                "HF_ENDPOINT may name something that is no Hub.",
            ) from None

    def _ask(self, url: str, what: str, method: str = "GET") -> bytes:
        request = Request(url, headers={"User-Agent": "brainzoo", **self.headers}, method=method)

        def ask() -> bytes:
            with open_url(request, ANSWER_WITHIN_S) as response:
                return response.read(MAX_ANSWER_BYTES)

        try:
            return _within(ANSWER_WITHIN_S, ask)
        except HTTPError as error:
            with error:
                raise self._refusal(error, what) from error
        except (OSError, HTTPException, ValueError) as error:
            raise NetworkError(
                f"{self.host} {explain(error)[0]}.",
                "Check the connection; a mirror is named by HF_ENDPOINT; without any network use "
                "brainzoo bundle.",
            ) from error

    def _refusal(self, error: HTTPError, what: str) -> BrainzooError:
        """Return the error for an answer of 4xx or 5xx, from its status and the Hub's own code."""
        code = error.headers.get("X-Error-Code", "")
        says = clean(error.headers.get("X-Error-Message", ""))
        if error.code == 401 and self.token and ("credentials" in says.lower() or not code):
            return AuthorisationError(
                f"{self.host} refuses the token for {what}.",
                "Make a new one at https://huggingface.co/settings/tokens, or pull without.",
            )
        if code == "GatedRepo" or error.code == 403:
            page = f"{self.endpoint}/{what.partition('@')[0]}"
            return AuthorisationError(
                f"{what} is gated: {self.host} gives it to those only who asked for access.",
                f"Ask for it at {page}, then give your token. {self.token_hint()}".rstrip(),
            )
        if error.code == 401:
            return AuthorisationError(
                f"{what} is private on {self.host}, or is not there at all.", self.token_hint()
            )
        if code == "RevisionNotFound":
            repo, _, commit = what.partition("@")
            return NotFoundError(f"{self.host} has no commit {commit} of {repo}.")
        if error.code in (404, 410):
            return NotFoundError(
                f"{self.host} has no {what}, or it lacks a file.", "Check the name and the commit."
            )
        return NetworkError(
            clean(f"{self.host} answers {error.code} {error.reason} for {what}."),
            "Try again later.",
        )

    def token_hint(self) -> str:
        """Return what to do about a missing token, or nothing if there is one."""
        if self.token_held_back:
            return (
                f'Your token is for {OFFICIAL} only; to send it to {self.host}: --token "$HF_TOKEN"'
            )
        if self.token:
            return ""
        return "Set HF_TOKEN, or give --token." if self.endpoint == OFFICIAL else "Give --token."


def _stored_token() -> str:
    """Return the token of ``HF_TOKEN``, or that which ``hf auth login`` stored."""
    if "HF_TOKEN" in os.environ:
        return os.environ["HF_TOKEN"]
    from huggingface_hub import get_token

    return get_token() or ""


def _within(seconds: float, call: Callable[[], bytes]) -> bytes:
    """Call in a thread: resolving a name and trying all its addresses know no time limit."""
    results: list[bytes] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TimeoutError
    return results[0]
