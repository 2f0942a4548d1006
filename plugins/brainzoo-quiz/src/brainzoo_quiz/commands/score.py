"""``brainzoo quiz score``: what readers could tell, from their answers and the key."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from brainzoo.api import ExistsError, OptionError, command_options, console, option, write_bytes

if TYPE_CHECKING:
    from brainzoo_quiz.study.answers import Answers

FILE = click.Path(path_type=Path)


@dataclasses.dataclass(frozen=True)
class ScoreConfig:
    """Options of ``brainzoo quiz score``."""

    key: Path | None = option(None, "key.json of the study.")
    database: str = option(
        "", "Answers of `brainzoo quiz serve`: its --database, or the study folder."
    )
    paper: str | None = option(None, "Score a published table.", choices=("kazuhiro2018",))
    margin: float = option(
        0.1,
        "Equivalence to chance means accuracy within 0.5 ± this; decide before the study.",
        minimum=0.0001,
        maximum=0.5,
    )
    alpha: float = option(
        0.05, "Of tests; one minus the confidence of intervals.", minimum=0.0001, maximum=0.4999
    )
    html: Path | None = option(None, "Write a self-contained page.")
    csv: Path | None = option(None, "Write all answers as one tidy long table.")
    imrmc: Path | None = option(None, "Write the table that R's iMRMC reads.")
    run: Path | None = option(None, "Evaluated run whose privacy and coverage results to show.")
    seed: int = option(0, "Decides everything random.", minimum=0)


@command_options(ScoreConfig)
@click.command()
@click.argument("answers", nargs=-1, type=FILE)
@click.option(
    "--images", multiple=True, type=FILE, help="Images folder of the study, for pictures; repeat."
)
def score(answers: tuple[Path, ...], images: tuple[Path, ...], config: ScoreConfig) -> None:
    """Score the ANSWERS of a study: files, one a reader, or a --database.

    Repeated images count only for a reader's agreement with herself. No file is overwritten.
    """
    html, csv, imrmc = config.html, config.csv, config.imrmc
    for path in (html, csv, imrmc):
        if path is not None and path.exists():
            raise ExistsError(f"{path} exists already.", "Choose another, or remove it.")
    test = {"margin": config.margin, "alpha": config.alpha}
    pictures: dict[tuple[str, int], bytes] = {}
    if config.paper:
        if answers or config.key or csv or imrmc or images or config.run:
            raise OptionError("--paper scores a published table; it takes no answers and no key.")
        from brainzoo_quiz.statistics.paper import kazuhiro2018

        found = kazuhiro2018(**test)
    else:
        database = config.database or ("" if answers else os.environ.get("BRAINZOO_QUIZ_DATABASE"))
        if config.key is None or bool(answers) == bool(database):
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
        sessions = _stored(database) if database else read
        key = Key.read(config.key)
        trials = join(key, sessions)
        found = score_study(key, trials, seed=config.seed, **test)
        found["beside"] = beside(config.run)
        pictures = pictures_of(key, images)
        if csv is not None:
            write_bytes(csv, to_csv(sessions).encode())
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
