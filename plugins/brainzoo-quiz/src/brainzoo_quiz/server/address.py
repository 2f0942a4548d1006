"""Under which names the server is reached, and what follows from it: hosts, origins, cookies."""

from __future__ import annotations

import dataclasses
import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

from brainzoo.api import OptionError

HERE = ("127.0.0.1", "localhost", "[::1]")


@dataclasses.dataclass(frozen=True)
class Address:
    """Where readers find the server.

    Attributes:
        url: What links start with, without a slash at the end.
        hosts: What the header ``Host`` may say: anything else comes from a name that somebody else
            pointed here (DNS rebinding).
        origins: Where requests that write may come from.
        behind_proxy: The client's address is in the last part of ``X-Forwarded-For``.
    """

    url: str
    hosts: frozenset[str]
    origins: frozenset[str]
    behind_proxy: bool = False

    @property
    def secure(self) -> bool:
        """Whether readers come by TLS, so that cookies may be kept from plain HTTP."""
        return self.url.startswith("https://")


def address(
    host: str, port: int, *, url: str | None = None, tls: bool = False, behind_proxy: bool = False
) -> Address:
    """Return where readers find the server.

    Args:
        host: What it listens on.
        port: Likewise.
        url: What readers type, when that is something else.
        tls: Whether the server itself speaks TLS.
        behind_proxy: Whether a proxy stands before it.
    """
    scheme = "https" if tls else "http"
    bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
    names = {_netloc(scheme, name, port) for name in (*HERE, bracketed)}
    origins = {f"{scheme}://{name}" for name in names}
    own = f"{scheme}://{_netloc(scheme, bracketed, port)}"
    if url is not None:
        own = _plain(url)
        names.add(urlsplit(own).netloc)
        origins.add(own)
    return Address(own, frozenset(names), frozenset(origins), behind_proxy)


def expect_sound(
    host: str, *, url: str | None, cert: Path | None, key: Path | None, behind_proxy: bool
) -> None:
    """Refuse options by which answers or cookies would travel in the open, or links would not work.

    Raises:
        OptionError: With what to do instead.
    """
    if (cert is None) != (key is None):
        raise OptionError("--tls-cert and --tls-key belong together.", "Give both, or none.")
    if behind_proxy and (url is None or cert is not None):
        raise OptionError(
            "--behind-proxy needs --url, and leaves TLS to the proxy.",
            "For example: --behind-proxy --url https://study.example.org",
        )
    if url is not None:
        _expect_url(url, secure=cert is not None or behind_proxy)
    if _is_here(host):
        return
    if cert is None and not behind_proxy:
        raise OptionError(
            f"--host {host} without TLS would send answers and cookies in the open.",
            "Give --tls-cert and --tls-key, or --behind-proxy; or stay on 127.0.0.1.",
        )
    if url is None and _is_any(host):
        raise OptionError(
            f"--host {host} does not say under which name readers come.",
            "Add --url https://study.example.org",
        )


def _expect_url(url: str, *, secure: bool) -> None:
    if not _is_url(url, "https" if secure else "http"):
        wanted = "https://study.example.org" if secure else "http://127.0.0.1:8765"
        raise OptionError(
            f"--url cannot be {url}.",
            f"Expected a scheme and a name, for example {wanted}"
            + ("" if secure else "; https needs --tls-cert and --tls-key, or --behind-proxy."),
        )


def _is_url(url: str, scheme: str) -> bool:
    """Tell whether this is a scheme, a name and perhaps a port."""
    try:
        parts = urlsplit(url)
        port = parts.port  # an impossible one is a ValueError
    except ValueError:
        return False
    more = parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None
    return parts.scheme == scheme and bool(parts.hostname) and port != 0 and not more


def _plain(url: str) -> str:
    """Return a URL as browsers spell it: in small letters, without its scheme's own port."""
    scheme, _, netloc = url.rstrip("/").lower().partition("://")
    return f"{scheme}://{netloc.removesuffix({'http': ':80', 'https': ':443'}[scheme])}"


def _netloc(scheme: str, name: str, port: int) -> str:
    usual = {"http": 80, "https": 443}[scheme]
    return name.lower() if port == usual else f"{name.lower()}:{port}"


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_any(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
