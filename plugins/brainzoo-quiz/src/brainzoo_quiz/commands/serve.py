"""``brainzoo quiz serve``: shows a study to its readers and keeps their answers."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import click

from brainzoo.api import command_options, console, option


@dataclasses.dataclass(frozen=True)
class ServeConfig:
    """Options of ``brainzoo quiz serve``."""

    host: str = option("127.0.0.1", "Address to listen on.")
    port: int = option(8765, "0 takes any free one.", minimum=0, maximum=65535)
    database: str = option(
        "",
        "SQLite file, or postgresql://user:password@host/name. Without it "
        "BRAINZOO_QUIZ_DATABASE, or STUDY/answers.sqlite.",
    )
    url: str | None = option(None, "What readers type, where that is another name or a proxy.")
    tls_cert: Path | None = option(None, "Certificate with its chain, PEM.")
    tls_key: Path | None = option(None, "Its key, PEM, without a password.")
    behind_proxy: bool = option(False, "A proxy on --url ends TLS.")


@command_options(ServeConfig)
@click.command()
@click.argument("study", type=click.Path(path_type=Path))
def serve(study: Path, config: ServeConfig) -> None:
    """Serve the STUDY folder that `brainzoo quiz export` wrote, until Ctrl-C.

    The first start prints a link for each reader, which works once; every start prints the owner's.
    The same command goes on where it was; no stored answer is ever lost.
    """
    from brainzoo_quiz.server import running
    from brainzoo_quiz.server.address import address, expect_sound
    from brainzoo_quiz.server.admission import owner_token, prepare
    from brainzoo_quiz.server.database import FILE as DATABASE
    from brainzoo_quiz.server.database import open_database, shown
    from brainzoo_quiz.server.service import Service
    from brainzoo_quiz.study.package import read_package

    host, cert, key = config.host, config.tls_cert, config.tls_key
    links_by: dict[str, Any] = {"url": config.url, "behind_proxy": config.behind_proxy}
    expect_sound(host, cert=cert, key=key, **links_by)
    running.expect_certificate(cert, key)
    package = read_package(study)
    with running.listen(host, config.port) as listening:
        port = listening.getsockname()[1]
        at = address(host, port, tls=cert is not None, **links_by)
        database = config.database or os.environ.get("BRAINZOO_QUIZ_DATABASE")
        engine = open_database(database or str(study / DATABASE), create=True)
        invitations = prepare(engine, package, study)
        service = Service(engine, package, folder=study, address=at, owner_token=owner_token(study))
        owner = f"{at.url}/owner/open/{service.owner_token}"
        links = {reader: f"{at.url}/join/{secret}" for reader, secret in invitations.items()}
        console.note(f"answers go to {shown(engine)}; stop with Ctrl-C")
        if at.behind_proxy:
            console.note(f"the proxy finds this server at {host}:{port}")
        table = console.table(
            ["reader", "invitation: works once, in one browser"], [*links.items()]
        )
        again = "Invitations were printed at the first start; the owner's page makes new ones."
        console.answer(
            {"url": at.url, "owner": owner, "invitations": links},
            f"{package.title}\n\nowner's page: {owner}\n\n{table if links else again}\n",
        )
        running.run(service, listening, cert, key)
    console.note("stopped; every answer is stored. The same command goes on.")
