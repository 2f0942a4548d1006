"""Under which names the server is reached, and what follows from it: hosts, origins, cookies."""

from __future__ import annotations

import dataclasses
import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import HttpUrl, TypeAdapter, ValidationError

from brainzoo.api import OptionError

URL = TypeAdapter(HttpUrl)


@dataclasses.dataclass(frozen=True)
class Address:
    """Where readers find the server.

    Attributes:
        url: What links start with, without a slash at the end.
        names: What the header ``Host`` may name: any other name was pointed here by somebody else
            (DNS rebinding).
        scheme: What the server itself speaks.
        behind_proxy: The client's address is in the last part of ``X-Forwarded-For``.
    """

    url: str
    names: frozenset[str]
    scheme: str = "http"
    behind_proxy: bool = False

    @property
    def secure(self) -> bool:
        """Whether readers come by TLS, so that cookies may be kept from plain HTTP."""
        return self.url.startswith("https://")

    def knows(self, host: str) -> bool:
        """Return whether the header ``Host`` names this server."""
        try:
            return urlsplit(f"//{host}").hostname in self.names
        except ValueError:
            return False

    def owns(self, origin: str, host: str) -> bool:
        """Return whether a request that writes comes from this server's own pages."""
        return origin.lower() in (self.url, f"{self.scheme}://{host.lower()}")


def address(
    host: str, port: int, *, url: str | None = None, tls: bool = False, behind_proxy: bool = False
) -> Address:
    """Return where readers find the server."""
    scheme = "https" if tls else "http"
    own = url or f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    own = str(URL.validate_python(own)).rstrip("/")  # as browsers spell it
    names = {"127.0.0.1", "localhost", "::1", host.lower(), urlsplit(own).hostname or ""}
    return Address(own, frozenset(names), scheme, behind_proxy)


def expect_sound(
    host: str, *, url: str | None, cert: Path | None, key: Path | None, behind_proxy: bool
) -> None:
    """Refuse options by which answers or cookies would travel in the open, or links would not work.

    Raises:
        OptionError: With what to do instead.
    """
    if (cert is None) != (key is None):
        raise OptionError("--tls-cert and --tls-key belong together.", "Give both, or neither.")
    if behind_proxy and (url is None or cert is not None):
        raise OptionError(
            "--behind-proxy needs --url, and leaves TLS to the proxy.",
            "For example: --behind-proxy --url https://study.example.org",
        )
    secure = cert is not None or behind_proxy
    if url is not None and not _is_url(url, "https" if secure else "http"):
        wanted = "https://study.example.org" if secure else "http://127.0.0.1:8765"
        raise OptionError(
            f"--url cannot be {url}.",
            f"Expected a scheme and a name, for example {wanted}"
            + ("" if secure else "; https needs --tls-cert and --tls-key, or --behind-proxy."),
        )
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        ip = None
    if host == "localhost" or (ip and ip.is_loopback):
        return
    if not secure:
        raise OptionError(
            f"--host {host} without TLS would send answers and cookies in the open.",
            "Give --tls-cert and --tls-key, or --behind-proxy; or stay on 127.0.0.1.",
        )
    if url is None and ip and ip.is_unspecified:
        raise OptionError(
            f"--host {host} does not say under which name readers come.",
            "Add --url https://study.example.org",
        )


def _is_url(url: str, scheme: str) -> bool:
    """Return whether this is a scheme, a name and perhaps a port."""
    try:
        found = URL.validate_python(url)
    except ValidationError:
        return False
    more = (found.path or "").strip("/") or found.query or found.fragment or found.username
    return found.scheme == scheme and not more
