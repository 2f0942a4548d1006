"""What the server says when it does not do what a request asks."""

from __future__ import annotations


class Refused(Exception):
    """A request that is not answered as asked.

    Args:
        status: Of HTTP.
        code: One word or two, for the page's script.
        message: What was found, in one line that a reader may see; never a token.
        hint: What to do about it; may be empty.
        wait_seconds: How long to wait before trying again, if that helps.
    """

    def __init__(
        self, status: int, code: str, message: str, hint: str = "", *, wait_seconds: int = 0
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.wait_seconds = wait_seconds

    def content(self) -> dict[str, dict[str, str]]:
        """Return what the interface answers."""
        return {"error": {"code": self.code, "message": self.message, "hint": self.hint}}
