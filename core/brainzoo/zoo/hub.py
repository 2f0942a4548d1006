"""The Hugging Face Hub through its own client, with every refusal as one clear line."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from brainzoo.common.errors import (
    AuthorisationError,
    BrainzooError,
    IntegrityError,
    NetworkError,
    NotFoundError,
    OptionError,
)
from brainzoo.common.files import sha256
from brainzoo.common.strict import one_line

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoSibling

OFFICIAL = "https://huggingface.co"
ANSWER_WITHIN_S = 8.0
YES = ("1", "on", "yes", "true")
OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS)


@dataclasses.dataclass(frozen=True)
class Hub:
    """A Hub, or a mirror of it, at an address without a slash at the end.

    The ``token`` is sent to that address only, and may be empty; ``offline`` forbids the network.
    """

    endpoint: str
    token: str = dataclasses.field(default="", repr=False)
    offline: bool = False

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
        stored or is in ``HF_TOKEN`` is for the official Hub; elsewhere only a given one goes.
        """
        address = (endpoint or os.environ.get("HF_ENDPOINT") or OFFICIAL).strip().rstrip("/")
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise OptionError(
                f"{one_line(re.sub('//.*@', '//', address))!r} is not the address of a Hub.",
                "Set HF_ENDPOINT to one such as https://huggingface.co, or unset it.",
            )
        if offline is None:
            offline = os.environ.get("HF_HUB_OFFLINE", "").strip().lower() in YES
        if token is None and not offline and address == OFFICIAL:
            from huggingface_hub import get_token

            token = os.environ.get("HF_TOKEN", get_token())
        token = (token or "").strip()
        if token and not re.fullmatch(r"[!-~]{1,400}", token):
            raise OptionError(
                "the token must be a single word of plain characters.", "Copy it again."
            )
        return cls(address, token, offline)

    @property
    def host(self) -> str:
        """The server's name, for messages."""
        return urlsplit(self.endpoint).netloc

    @property
    def token_hint(self) -> str:
        """What to do about a missing token; nothing if there is one."""
        if self.token:
            return ""
        if self.endpoint == OFFICIAL:
            return "Set HF_TOKEN, or give --token."
        return f'HF_TOKEN goes to {OFFICIAL} only; for {self.host} give --token "$HF_TOKEN".'

    @contextmanager
    def asked(self, what: str) -> Iterator[HfApi]:
        """Yield the Hub's own client; its errors leave as ours."""
        if self.offline:
            raise NetworkError(
                f"{what} is not on this machine, and HF_HUB_OFFLINE forbids asking {self.host}.",
                "Unset HF_HUB_OFFLINE, or copy the folder that brainzoo pull prints elsewhere.",
            )
        from huggingface_hub import HfApi

        try:
            yield HfApi(endpoint=self.endpoint, token=self.token or False)
        except BrainzooError:
            raise
        except Exception as error:  # its own, those of its HTTP library, and plain ones
            if isinstance(error, OSError) and error.errno in OF_THE_DISK:
                raise
            raise self._ours(error, what) from error

    def listed(self, repository: str, revision: str) -> tuple[str, dict[str, RepoSibling]]:
        """Return the commit of a revision, and its files by name, with sizes and digests."""
        with self.asked(f"{repository}@{revision}") as api:
            info = api.model_info(
                repository, revision=revision, files_metadata=True, timeout=ANSWER_WITHIN_S
            )
            return str(info.sha), {file.rfilename: file for file in info.siblings or ()}

    def bring(
        self,
        repository: str,
        commit: str,
        name: str,
        folder: Path,
        wrong: Callable[[Path], str],
    ) -> None:
        """Bring one file of a commit into a folder; delete what ``wrong`` says something of."""
        what = f"hf:{repository}@{commit}"
        with self.asked(what) as api:
            api.hf_hub_download(
                repository,
                name,
                revision=commit,
                local_dir=folder,
                etag_timeout=ANSWER_WITHIN_S,
            )
        if problem := wrong(folder / name):
            (folder / name).unlink()
            raise IntegrityError(
                f"{name} of {what} is refused and deleted: {problem}.",
                f"Run the same command again; if that changes nothing, do not use {self.host}.",
            )

    def _ours(self, error: Exception, what: str) -> BrainzooError:
        """Return our error for one of the client's, or of what caused it."""
        cause: BaseException | None = error
        while cause is not None:
            response: Any = getattr(cause, "response", None)
            if isinstance(getattr(response, "status_code", None), int):
                return self._of_status(response, what)
            last, cause = cause, cause.__cause__
        said = one_line(last) or type(last).__name__
        return NetworkError(
            f"{self.host} cannot be reached for {what}: {said}.",
            "Check the connection, then run the same command again; HF_ENDPOINT names a mirror.",
        )

    def _of_status(self, response: Any, what: str) -> BrainzooError:
        status, host = response.status_code, self.host
        says = one_line(response.headers.get("X-Error-Message", ""))
        said = f" ({says})" if says else ""
        if status in (401, 403):
            return AuthorisationError(
                f"{host} refuses {what}{said}: it is private, gated or missing, or the token may "
                "not do this.",
                self.token_hint or f"Ask for access on its page at {self.endpoint}.",
            )
        if status in (404, 410):
            text = f"{host} does not have {what}{said}."
            return NotFoundError(text, "Check the name and the commit.")
        text = f"{host} answers {status} for {what}{said}."
        return NetworkError(text, "Run the same command again later.")

    @staticmethod
    def differs(path: Path, listed: RepoSibling) -> str:
        """Return how a file differs from what the Hub lists, or nothing; reads all of it."""
        content = path.stat().st_size
        if content != listed.size:
            return f"{listed.rfilename} has {content} bytes; the Hub lists {listed.size}"
        if listed.lfs:
            same = sha256(path) == listed.lfs.sha256
        else:  # git's own name for a file's content
            blob = b"blob %d\x00" % content + path.read_bytes()
            same = hashlib.sha1(blob, usedforsecurity=False).hexdigest() == listed.blob_id
        return "" if same else f"{listed.rfilename} differs from what the Hub lists"
