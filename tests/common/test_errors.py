from __future__ import annotations

import pytest

from brainzoo.common import errors
from brainzoo.common.errors import BrainzooError

# The codes that the documentation promises to scripts.
EXIT_CODES = {
    "usage": 2,
    "not-found": 3,
    "unknown-plugin": 3,
    "authorisation": 4,
    "network": 5,
    "integrity": 6,
    "incompatible-plugin": 7,
    "disk": 8,
    "exists": 8,
    "memory": 8,
    "data": 9,
    "interrupted": 130,
}

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, BrainzooError) and kind is not BrainzooError
]


def test_every_error_has_the_promised_exit_code() -> None:
    assert {kind.code: kind.exit_code for kind in KINDS} == EXIT_CODES


@pytest.mark.parametrize("kind", KINDS)
def test_errors_keep_message_and_hint_apart(kind: type[BrainzooError]) -> None:
    error = kind("found 3, expected 2.", "Remove one.")
    assert (error.message, error.hint) == ("found 3, expected 2.", "Remove one.")
    assert str(error) == "found 3, expected 2. Remove one."
    assert str(kind("found none.")) == "found none."


def test_errors_are_also_the_builtin_that_callers_expect() -> None:
    assert issubclass(errors.OptionError, ValueError)
    assert issubclass(errors.UnknownPluginError, LookupError)
    assert issubclass(errors.DiskError, OSError)
    assert issubclass(errors.NetworkError, OSError)
    assert issubclass(errors.AuthorisationError, PermissionError)
