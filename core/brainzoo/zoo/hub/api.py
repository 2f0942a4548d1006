"""The Hub's own client, for what it does well: uploading and committing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from brainzoo.common.downloads.web import clean
from brainzoo.common.errors import AuthorisationError, BrainzooError, NetworkError, NotFoundError
from brainzoo.zoo.hub.client import Hub


@contextmanager
def publishing(hub: Hub, repository: str) -> Iterator[Any]:
    """Yield a ``huggingface_hub.HfApi`` for a Hub; its errors leave as ours, one line each.

    Raises:
        AuthorisationError: The token may not do that.
        NotFoundError: Something is not there.
        NetworkError: The Hub is out of reach or does not want to, or somebody else committed.
    """
    if hub.offline:
        raise NetworkError("HF_HUB_OFFLINE forbids to publish.", "Unset it.")
    from huggingface_hub import HfApi, constants
    from huggingface_hub.utils import (  # type: ignore[attr-defined]
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    xet, endpoint = constants.HF_HUB_DISABLE_XET, constants.ENDPOINT
    bars = not are_progress_bars_disabled()
    # Mirrors and private Hubs do not speak Xet, and everywhere large files go without it.
    constants.HF_HUB_DISABLE_XET = True
    constants.ENDPOINT = hub.endpoint  # clients before 2 read the Hub's answers by it
    if bars and not sys.stderr.isatty():
        disable_progress_bars()
    try:
        yield HfApi(endpoint=hub.endpoint, token=hub.token or False)
    except BrainzooError:
        raise
    except Exception as error:  # its own, those of its HTTP library, and plain ones
        raise _ours(error, hub, repository) from error
    finally:
        constants.HF_HUB_DISABLE_XET, constants.ENDPOINT = xet, endpoint
        if bars:
            enable_progress_bars()


def _ours(error: Exception, hub: Hub, repository: str) -> BrainzooError:
    """Return our error for one of the client's, or of what caused it."""
    cause: BaseException | None = error
    text = ""
    while cause is not None:
        text = clean(str(cause)).rstrip(".") or text
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if isinstance(status, int):
            return _of_status(status, hub, repository, _says(cause))
        cause = cause.__cause__
    text = text or type(error).__name__
    return NetworkError(
        f"{hub.host} did not take {repository}: {text}.",
        "Nothing is published under the new tag; run the same command again.",
    )


def _of_status(status: int, hub: Hub, repository: str, says: str) -> BrainzooError:
    said = f" ({says})" if says else ""
    if status in (401, 403):
        return AuthorisationError(
            f"the token may not write {repository} on {hub.host}{said}.",
            "Use one with write access, and an owner that is you or your organisation.",
        )
    if status == 404:
        return NotFoundError(f"{hub.host} does not find {repository}{said}.", "Check the owner.")
    if status in (409, 412):
        return NetworkError(
            f"somebody else changed {repository} at the same time{said}.",
            "Look at it, then run the same command again.",
        )
    return NetworkError(
        f"{hub.host} answers {status} for {repository}{said}.",
        "Nothing is published under the new tag; run the same command again.",
    )


def _says(error: BaseException) -> str:
    """Return the Hub's own words of an error, without the addresses around them."""
    message = getattr(error, "server_message", None)
    return clean(str(message or "").rstrip("."))
