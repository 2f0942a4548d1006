"""``brainzoo quiz score``: what readers could tell, from their answers and the key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from brainzoo.api import ExistsError, OptionError, command_options, console, write_bytes

if TYPE_CHECKING:
    from brainzoo_quiz.study.answers import Answers

FILE = click.Path(path_type=Path)


@command_options()
@click.command()
@click.argument("answers", nargs=-1, type=FILE)
@click.option("--key", "key_path", type=FILE, help="key.json of the study.")
@click.option(
    "--database",
    help="Answers of `brainzoo quiz serve`: its --database, or the study folder.",
)
@click.option("--paper", type=click.Choice(["kazuhiro2018"]), help="Score a published table.")
@click.option(
    "--margin",
    type=click.FloatRange(0, 0.5, min_open=True),
    default=0.1,
    show_default=True,
    help="Equivalence to chance means accuracy within 0.5 ± this; decide before the study.",
)
@click.option(
    "--alpha",
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
)
@click.option("--html", type=FILE, help="Write a self-contained page.")
@click.option("--csv", "csv_path", type=FILE, help="Write all answers as one tidy long table.")
@click.option("--imrmc", type=FILE, help="Write the table that R's iMRMC reads.")
@click.option(
    "--images", multiple=True, type=FILE, help="Images folder of the study, for pictures; repeat."
)
@click.option("--run", type=FILE, help="Evaluated run whose privacy and coverage results to show.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    help="Decides everything random. [default: 0]",
)
def score(
    answers: tuple[Path, ...],
    key_path: Path | None,
    database: str | None,
    paper: str | None,
    margin: float,
    alpha: float,
    html: Path | None,
    csv_path: Path | None,
    imrmc: Path | None,
    images: tuple[Path, ...],
    run: Path | None,
    seed: int,
) -> None:
    """Score the ANSWERS of a study: files, one a reader, or a --database.

    Repeated images count only for a reader's agreement with herself. No file is overwritten.
    """
    for path in (html, csv_path, imrmc):
        if path is not None and path.exists():
            raise ExistsError(f"{path} exists already.", "Choose another, or remove it.")
    pictures: dict[tuple[str, int], bytes] = {}
    if paper:
        if answers or key_path or csv_path or imrmc or images or run:
            raise OptionError("--paper scores a published table; it takes no answers and no key.")
        from brainzoo_quiz.statistics.paper import kazuhiro2018

        found = kazuhiro2018(margin=margin, alpha=alpha)
    else:
        database = database or (None if answers else os.environ.get("BRAINZOO_QUIZ_DATABASE"))
        if key_path is None or bool(answers) == bool(database):
            raise OptionError(
                "expected answers files or --database, and --key.",
                "For example: brainzoo quiz score answers/*.json --key key.json",
            )
        from brainzoo_quiz.statistics.scoring import score as score_study
        from brainzoo_quiz.statistics.showing import beside, pictures_of
        from brainzoo_quiz.statistics.trials import imrmc_csv, join
        from brainzoo_quiz.study.answers import Answers, to_csv
        from brainzoo_quiz.study.key import Key

        read = [Answers.read(path) for path in answers]
        sessions = read if database is None else _stored(database)
        key = Key.read(key_path)
        trials = join(key, sessions)
        found = score_study(key, trials, margin=margin, alpha=alpha, seed=seed)
        found["beside"] = beside(run)
        pictures = pictures_of(key, images)
        if csv_path is not None:
            write_bytes(csv_path, to_csv(sessions).encode())
        if imrmc is not None:
            write_bytes(imrmc, imrmc_csv(trials).encode())
    from brainzoo_quiz.statistics.showing import page_of, text_of

    if html is not None:
        write_bytes(html, page_of(found, pictures).encode())
        console.note(f"wrote {html}")
    console.answer(found, text_of(found))


def _stored(database: str) -> list[Answers]:
    """Return what readers said to the server."""
    from brainzoo_quiz.server.database import open_database
    from brainzoo_quiz.server.overview import progress, read_answers

    engine = open_database(database, read_only=True)
    try:
        sessions = read_answers(engine)
        if progress(engine)["closed_at"] is None:
            console.warn("the study is not closed: more answers may come and change the score.")
    finally:
        engine.dispose()
    return sessions
