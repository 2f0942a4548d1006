"""``brainzoo quiz serve``: shows a study to its readers and keeps their answers."""

from __future__ import annotations

from pathlib import Path

import click

from brainzoo.api import command_options, console

FILE = click.Path(path_type=Path)


@command_options()
@click.command()
@click.argument("study", type=FILE)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="0 takes any free one.",
)
@click.option(
    "--database",
    envvar="BRAINZOO_QUIZ_DATABASE",
    help="SQLite file, or postgresql://user:password@host/name. [default: STUDY/answers.sqlite]",
)
@click.option("--url", help="What readers type, where that is another name or a proxy.")
@click.option("--tls-cert", type=FILE, help="Certificate with its chain, PEM.")
@click.option("--tls-key", type=FILE, help="Its key, PEM, without a password.")
@click.option("--behind-proxy", is_flag=True, help="A proxy on --url ends TLS.")
def serve(
    study: Path,
    host: str,
    port: int,
    database: str | None,
    url: str | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    behind_proxy: bool,
) -> None:
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

    expect_sound(host, url=url, cert=tls_cert, key=tls_key, behind_proxy=behind_proxy)
    running.expect_certificate(tls_cert, tls_key)
    package = read_package(study)
    with running.listen(host, port) as listening:
        at = address(
            *(host, listening.getsockname()[1]),
            url=url,
            tls=tls_cert is not None,
            behind_proxy=behind_proxy,
        )
        engine = open_database(database or str(study / DATABASE), create=True)
        invitations = prepare(engine, package, study)
        service = Service(study, package, engine, at, owner_token(study))
        owner = f"{at.url}/owner/open/{service.owner_token}"
        links = {reader: f"{at.url}/join/{secret}" for reader, secret in invitations.items()}
        console.note(f"answers go to {shown(engine)}; stop with Ctrl-C")
        if at.behind_proxy:
            console.note(f"the proxy finds this server at {host}:{listening.getsockname()[1]}")
        table = console.table(
            ["reader", "invitation: works once, in one browser"], [*links.items()]
        )
        again = "Invitations were printed at the first start; the owner's page makes new ones."
        console.answer(
            {"url": at.url, "owner": owner, "invitations": links},
            f"{package.title}\n\nowner's page: {owner}\n\n{table if links else again}\n",
        )
        running.run(service, listening, tls_cert, tls_key)
    console.note("stopped; every answer is stored. The same command goes on.")
