"""Runs the server until Ctrl-C or SIGTERM."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import uvicorn

from brainzoo.api import DataError, NotFoundError, OptionError
from brainzoo_quiz.server.app import application
from brainzoo_quiz.server.service import Service

GRACE_SECONDS = 5
"""For requests that are being answered when the server is stopped."""

BACKLOG = 512


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes any free one.

    Raises:
        OptionError: The port is taken or forbidden, or the address is another machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen(BACKLOG)  # now, so that links work as soon as they are printed
    except OSError as error:
        found.close()
        raise OptionError(
            f"cannot listen on {host}, port {port}: {error.strerror}.",
            "Choose another --port (0 takes any free one), or an address of this machine.",
        ) from error
    return found


def expect_certificate(cert: Path | None, key: Path | None) -> None:
    """Refuse a certificate that does not load, before anything is printed.

    Raises:
        NotFoundError: A file is missing.
        DataError: They are no certificate and key that belong together.
    """
    if cert is None or key is None:
        return
    for path in (cert, key):
        if not path.is_file():
            raise NotFoundError(f"there is no file {path}.", "Check --tls-cert and --tls-key.")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key, lambda: "")
    except (ssl.SSLError, OSError, ValueError) as error:
        why = getattr(error, "reason", None) or error
        raise DataError(
            f"{cert.name} and {key.name} cannot be used for TLS: {why}.",
            "Expected PEM files, the certificate with its chain, the key without a password.",
        ) from error


def server(service: Service, cert: Path | None = None, key: Path | None = None) -> uvicorn.Server:
    """Return the server of a study, ready to run."""
    config = uvicorn.Config(
        application(service),
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,  # paths hold secrets
        log_config=None,
        server_header=False,
        proxy_headers=False,
        ssl_certfile=cert,
        ssl_keyfile=key,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return uvicorn.Server(config)


def run(service: Service, listening: socket.socket, cert: Path | None, key: Path | None) -> None:
    """Serve until a signal comes; answers that are being stored then are stored."""
    try:
        server(service, cert, key).run(sockets=[listening])
    except KeyboardInterrupt:  # uvicorn raises the signal again when all is done
        return
    finally:
        listening.close()
        service.engine.dispose()
