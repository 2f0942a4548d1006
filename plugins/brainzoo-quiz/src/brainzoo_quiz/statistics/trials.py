"""Answers joined with the truth: readers by cases, ready to be counted."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import DataError, IntegrityError
from brainzoo_quiz.study.answers import Answer, Answers, plain
from brainzoo_quiz.study.key import DESIGNS, Case, Key

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Trials:
    """The test phase of a study. NaN means: not shown to that reader, or not answered.

    Attributes:
        design: ``yes-no`` or ``2afc``.
        readers: A name each, in the order of the sessions.
        cases: The test cases.
        positive: ``(case,)``, whether the truth is the design's first word (real, first).
        said: ``(reader, case)``, 1.0 where the reader said the first word, else 0.0.
        rating: ``(reader, case)``, from -confidence (sure of the second word) to +confidence.
        again: ``(reader, case)``, as ``said``, of the second showing.
        seconds: ``(reader, case)``, response times of first showings, infinite where time ran out.
        shown: Answers of test cases by reader, both showings, also those without an answer.
        sessions: What was read, in the order of ``readers``.
    """

    design: str
    readers: tuple[str, ...]
    cases: tuple[Case, ...]
    positive: NDArray[np.bool_]
    said: Floats
    rating: Floats
    again: Floats
    seconds: Floats
    shown: tuple[tuple[tuple[Case, int, Answer], ...], ...]
    sessions: tuple[Answers, ...]

    @property
    def correct(self) -> Floats:
        """``(reader, case)``: 1.0 where right, 0.0 where wrong, NaN where not answered."""
        right = (self.said == self.positive).astype(float)
        return np.asarray(np.where(np.isnan(self.said), np.nan, right))


def join(key: Key, sessions: Sequence[Answers]) -> Trials:
    """Join answers with the truth.

    Raises:
        DataError: Answers of another study; two sessions of one reader; a case that was never in
            the study, or one that is missing from a finished session; no answers at all.
        IntegrityError: The key is not the one whose commitment the readers saw.
    """
    if not sessions:
        raise DataError("there are no answers to score.", "Name one answers file or more.")
    twice, number = Counter(session.reader.id for session in sessions).most_common(1)[0]
    if number > 1:
        raise DataError(
            f"reader {twice!r} is in {number} of the answers; expected one session a reader.",
            "Leave one of the files out.",
        )
    cases = tuple(case for case in key.cases if case.phase == "test")
    place = {case.case: i for i, case in enumerate(cases)}
    said, rating, again, seconds = (np.full((len(sessions), len(cases)), np.nan) for _ in range(4))
    shown = []
    for r, session in enumerate(sessions):
        found = tuple(_test_answers(key, session))
        shown.append(found)
        for case, showing, answer in found:
            i, yes = place[case.case], float(answer.answer == DESIGNS[key.design][0])
            if showing == 1 and answer.timed_out:
                seconds[r, i] = np.inf
            if answer.answer is None:
                continue
            if showing == 2:
                again[r, i] = yes
                continue
            said[r, i] = yes
            if answer.confidence is not None:
                rating[r, i] = answer.confidence * (1 if yes else -1)
            if answer.response_ms is not None and not answer.timed_out:
                seconds[r, i] = answer.response_ms / 1000
    truth = np.array([case.truth == DESIGNS[key.design][0] for case in cases])
    names = tuple(session.reader.id for session in sessions)
    return Trials(
        *(key.design, names, cases, truth, said, rating, again, seconds),
        shown=tuple(shown),
        sessions=tuple(sessions),
    )


def _test_answers(key: Key, session: Answers) -> Iterator[tuple[Case, int, Answer]]:
    """Yield the answers of the test phase with the case and showing that each is of."""
    who = f"the answers of reader {session.reader.id!r}"
    if session.study != key.study:
        raise DataError(
            f"{who} are of another study: {session.study[:8]}…; the key is of {key.study[:8]}….",
            "Score each study with its own key.",
        )
    if session.commitment != key.commitment:
        raise IntegrityError(
            f"wrong key: {who} were given under the commitment {session.commitment[:8]}…; this "
            f"key's is {key.commitment[:8]}….",
            "Use the key that `brainzoo quiz export` wrote with the pages of this study.",
        )
    tokens, answered = key.tokens(session.session), set()
    for answer in session.answers:
        if answer.token not in tokens:
            raise DataError(
                f"{who} hold an unknown case at position {answer.position}: the token "
                f"{answer.token[:8]}… is none of this session's.",
                "Ask the reader for the file as the page saved it.",
            )
        case, showing = tokens[answer.token]
        if answer.phase != case.phase or answer.answer not in (None, *DESIGNS[key.design]):
            raise DataError(
                f"{who} contradict the study at position {answer.position}: {answer.answer!r} in "
                f"the {answer.phase} phase; expected {' or '.join(DESIGNS[key.design])} in the "
                f"{case.phase} phase."
            )
        answered.add(answer.token)
        if case.phase == "test":
            yield case, showing, answer
    missing = [t for t, (case, _) in tokens.items() if case.phase == "test" and t not in answered]
    if missing and session.finished_at is not None:
        raise DataError(
            f"{who} lack {len(missing)} of the study's test cases, though the session is finished.",
            "Ask the reader for the file as the page saved it.",
        )


def imrmc_csv(trials: Trials) -> str:
    """Return the table that R's iMRMC reads: readerID, caseID, modalityID, score.

    Truth stands as reader ``truth`` (1: real); scores are the signed confidence, or 1 and 0 where
    readers gave none.
    """
    rated = bool(np.isfinite(trials.rating).any())
    scores = trials.rating if rated else trials.said
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["readerID", "caseID", "modalityID", "score"])
    for i, case in enumerate(trials.cases):
        rows.writerow(["truth", case.case, "truth", int(trials.positive[i])])
    for r, reader in enumerate(trials.readers):
        for case, value in zip(trials.cases, scores[r], strict=True):
            if np.isfinite(value):
                rows.writerow([plain(reader), case.case, "study", f"{value:g}"])
    return out.getvalue()
