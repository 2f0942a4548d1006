"""Running evaluators; what they found is in ``evaluation.json``.

Each evaluator's result is written as soon as it is there, so that none is lost when another one
fails or the process is stopped. What was measured of the same images, with the same options, seed
and version, is not measured again.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from brainzoo.checkpoint import refresh_card
from brainzoo.common import console, processes
from brainzoo.common.errors import BrainzooError, OptionError
from brainzoo.common.files import write_text
from brainzoo.data.classes import public_expression
from brainzoo.data.images import Images
from brainzoo.data.subjects import Value
from brainzoo.evaluating.results import (
    change,
    read_evaluation,
    set_aside,
    to_json,
    write_result,
)
from brainzoo.evaluating.sets import describe_set
from brainzoo.plugin.findings import Evaluation, EvaluationSets
from brainzoo.plugin.interfaces import Evaluator, Generator
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.part import Part

NEEDS = {"Reconstructs": "reconstructs images", "Scores": "scores images", "Edits": "edits images"}


class EvaluatorsFailedError(BrainzooError):
    """Some evaluators failed; what the others found is written.

    Carries the exit code of the first failure.
    """

    def __init__(self, failures: Mapping[str, BaseException], result: Mapping[str, Any]) -> None:
        name, first = next(iter(failures.items()))
        found = _named(name, first)
        if len(failures) > 1:
            others = ", ".join(list(failures)[1:])
            found.message = f"{found.message} {others} failed too."
        super().__init__(found.message, found.hint)
        self.exit_code, self.code = found.exit_code, found.code
        self.failures, self.result = dict(failures), dict(result)


def check(parts: Sequence[Part], *, classes: bool = True) -> None:
    """Ask evaluators whether all that they need is there: before hours of training, not after.

    Of several, those that need classes are not asked where there are none: they are left out.
    """
    for part in parts:
        if len(parts) > 1 and not classes and _class(part).needs_classes:
            continue
        try:
            _class(part)(part.config).check()
        except BrainzooError as error:
            raise _named(part.name, error) from error


def outlooks(parts: Sequence[Part], people: Iterable[tuple[Value, Value]]) -> list[str]:
    """Return what evaluators say before any training, from the numbers of people alone.

    ``people`` are pairs of somebody and a split, as often as there are images or scans.
    """
    counts = Counter(str(split) for _, split in set(people))
    return [f"{p.name}: {line}" for p in parts for line in _class(p)(p.config).outlook(counts)]


def evaluate(
    parts: Sequence[Part],
    folder: Path,
    sets: EvaluationSets,
    *,
    classes: Mapping[str, str] | None = None,
    again: bool = False,
) -> dict[str, Any]:
    """Run evaluators; write what each finds into ``evaluation.json`` and ``evaluation/NAME/``.

    Of several, those that need what the generator cannot do, or classes that the images lack, are
    left out (:attr:`brainzoo.Evaluator.needs`). Those that need classes take ``classes``,
    expressions by name, in place of the images' own. The same request is answered by results that
    are there, unless it is measured ``again``. What is replaced, and all that is of other images,
    is set aside into ``evaluation/earlier/``. Returns what ``evaluation.json`` holds; where some
    fail, raises an EvaluatorsFailedError after the others.
    """
    if classes and not any(_class(part).needs_classes for part in parts):
        names = ", ".join(part.name for part in parts)
        raise OptionError(f"--class is for evaluators that need classes; found {names}.")
    described = {name: describe_set(images) for name, images in sets.named.items()}
    if sets.validation is not None and len(sets.validation):
        described["validation"] = describe_set(sets.validation)
    classed = _in_classes(sets, classes) if classes else sets
    fitting = _fitting(parts, sets.generator, classes=have_classes(classed.test, classed.synthetic))
    todo = _to_do(fitting, folder, described, classes or {}, sets.seed, again)
    failures: dict[str, BaseException] = {}
    with processes.kept():
        for part, request in todo:
            console.note(f"evaluating: {part.name}")
            started = time.monotonic()
            try:
                evaluator = _class(part)(part.config)
                found: Evaluation = evaluator.evaluate(classed if evaluator.needs_classes else sets)
            except (Exception, SystemExit) as error:  # plugins may do anything; the others go on
                failures[part.name] = error
                if part is not todo[-1][0]:
                    console.warn(f"{part.name} failed; the other evaluators go on.")
                if not isinstance(error, OptionError):  # what was asked, not what was measured
                    change(folder, {}, {part.name: f"brainzoo evaluate {part.name} says why"})
                continue
            seconds = round(time.monotonic() - started, 2)
            about = {"summary": plugins().get("evaluator", part.name).summary, "seconds": seconds}
            if request.get("classes"):
                found = replace(found, notes=[_said(classes or {}), *found.notes])
            write_result(folder, part.name, {**request, **about}, found)
    result = read_evaluation(folder)
    if failures:
        raise EvaluatorsFailedError(failures, result) from next(iter(failures.values()))
    return result


def write_metrics(folder: Path, checkpoint: Path) -> None:
    """Write what was measured as ``metrics.json`` of a run's checkpoint, and into its model card.

    A checkpoint is published: tables, which may name subjects, and options, which may name folders,
    stay in the run.
    """
    public = ("version", "seed", "metrics", "notes")
    metrics = {
        name: {key: found[key] for key in public if key in found}
        for name, found in read_evaluation(folder)["evaluators"].items()
    }
    write_text(checkpoint / "metrics.json", to_json({"evaluators": metrics}))
    refresh_card(checkpoint)


def have_classes(*sets: Images) -> bool:
    """Return whether each of the sets has images of some class."""
    return all(any(name is not None for name in images.column("class")) for images in sets)


def _in_classes(sets: EvaluationSets, classes: Mapping[str, str]) -> EvaluationSets:
    train, test, synthetic = (images.in_classes(classes) for images in sets.named.values())
    return replace(sets, train=train, test=test, synthetic=synthetic)


def _said(classes: Mapping[str, str]) -> str:
    named = [f"{name} ({public_expression(text)})" for name, text in classes.items()]
    return f"Classes: {', '.join(named)}."


def _fitting(
    parts: Sequence[Part], generator: Generator | None, *, classes: bool
) -> Sequence[Part]:
    """Drop evaluators that need more than the generator or the images have."""
    if len(parts) < 2:
        return parts  # it says itself what it needs
    kept = []
    for part in parts:
        wanted = _class(part)
        if wanted.needs is not None and not isinstance(generator, wanted.needs):
            what = NEEDS.get(wanted.needs.__name__, wanted.needs.__name__)
            console.note(f"{part.name} is skipped: it needs a generator that {what}.")
        elif wanted.needs_classes and not classes:
            console.note(f"{part.name} is skipped: it needs classes (--class).")
        else:
            kept.append(part)
    return kept


def _class(part: Part) -> type[Evaluator]:
    found: type[Evaluator] = plugins().load("evaluator", part.name)
    return found


def _to_do(
    parts: Sequence[Part],
    folder: Path,
    sets: Mapping[str, Any],
    classes: Mapping[str, str],
    seed: int,
    again: bool,
) -> list[tuple[Part, dict[str, Any]]]:
    """Return what to measure, with the request that its result answers."""
    found = read_evaluation(folder)["evaluators"]
    todo, reruns = [], []
    for part in parts:
        version = plugins().of("evaluator", part.name).version
        request = {"version": version, "options": part.options, "seed": seed, "sets": dict(sets)}
        if _class(part).needs_classes:
            request["classes"] = dict(classes) or None
        request = json.loads(to_json(request))
        before = found.get(part.name)
        same = before and all(before.get(key) == value for key, value in request.items())
        if same and not again:
            console.note(f"{part.name} was already measured; --again measures it again.")
            continue
        todo.append((part, request))
        reruns += [part.name] if before else []
    named = {part.name for part in parts}
    reruns += [n for n, e in found.items() if n not in named and e.get("sets") != sets]
    for name in reruns:
        set_aside(folder, name)
    return todo


def _named(name: str, error: BaseException) -> BrainzooError:
    """Return an error that says which evaluator it comes from, with the exit code of its kind."""
    if not isinstance(error, BrainzooError):
        text = " ".join(str(error).split()) or "no message"
        error = BrainzooError(
            f"unexpected {type(error).__name__}: {text}.",
            "Run again with --debug for the traceback; please report it to the plugin's authors.",
        )
        error.code = "unexpected"
    found = BrainzooError(f"{name}: {error.message}", error.hint)
    found.exit_code, found.code = error.exit_code, error.code
    return found
