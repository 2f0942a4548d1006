"""The errors that a user may meet, each with the exit code of its kind.

Code anywhere raises these; only the command line turns them into exit codes. A message is one
line that says what was found and what was expected; the hint says what to do.
"""

from __future__ import annotations


class BrainzooError(Exception):
    """Base of every error that brainzoo raises on purpose: one line, and a hint what to do."""

    exit_code = 1
    code = "error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class OptionError(BrainzooError, ValueError):
    """An option or argument that does not apply (exit code 2)."""

    exit_code = 2
    code = "usage"


class NotFoundError(BrainzooError, LookupError):
    """A file, folder, plugin or model is not there (exit code 3)."""

    exit_code = 3
    code = "not-found"


class UnknownPluginError(NotFoundError):
    """No installed plugin offers that name."""

    code = "unknown-plugin"


class AuthorisationError(BrainzooError, PermissionError):
    """A server or the file system refused access (exit code 4)."""

    exit_code = 4
    code = "authorisation"


class NetworkError(BrainzooError, OSError):
    """A server could not be reached or broke off (exit code 5)."""

    exit_code = 5
    code = "network"


class IntegrityError(BrainzooError, ValueError):
    """Bytes are not what their checksum, size or format says (exit code 6)."""

    exit_code = 6
    code = "integrity"


class IncompatiblePluginError(BrainzooError, RuntimeError):
    """A plugin is missing, too old or too new for what was asked (exit code 7)."""

    exit_code = 7
    code = "incompatible-plugin"


class DiskError(BrainzooError, OSError):
    """The disk is full, or a file could not be written (exit code 8)."""

    exit_code = 8
    code = "disk"


class ExistsError(DiskError):
    """What was to be written is already there; brainzoo never overwrites."""

    code = "exists"


class MemoryShortError(BrainzooError, MemoryError):
    """The machine has too little free memory for what was asked (exit code 8, as for a disk)."""

    exit_code = 8
    code = "memory"


class DataError(BrainzooError, ValueError):
    """Scans, tables or images that cannot be used (exit code 9)."""

    exit_code = 9
    code = "data"


class StoppedError(BrainzooError):
    """The user or the system stopped the work (exit code 130)."""

    exit_code = 130
    code = "interrupted"
