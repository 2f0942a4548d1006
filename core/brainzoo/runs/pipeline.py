"""From scans to a report: prepare, train, sample, evaluate, export, report.

Each step is a function that the command line offers on its own; :func:`run` calls them in order in
a run folder, which remembers what is done so that a stopped run goes on where it was.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from brainzoo import checkpoint as checkpoints
from brainzoo.common import console, launch
from brainzoo.common.errors import BrainzooError, NotFoundError, StoppedError
from brainzoo.common.files import disk_errors, exists_error
from brainzoo.common.locks import locked
from brainzoo.data.images import Images
from brainzoo.data.splits import SPLITS
from brainzoo.evaluating.running import (
    EvaluatorsFailedError,
    check,
    evaluate,
    outlooks,
    write_metrics,
)
from brainzoo.evaluating.sets import SYNTHETIC, open_sets
from brainzoo.plugin.findings import EvaluationSets
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.part import Part
from brainzoo.plugin.run import Run
from brainzoo.preparation.prepare import prepare
from brainzoo.runs.folder import OUTPUTS, RunFolder
from brainzoo.runs.learning import expect_sources, fit, lessons
from brainzoo.runs.settings import Settings, from_record
from brainzoo.sampling import Request, draw


def run(
    settings: Settings,
    folder: Path,
    *,
    command: str,
    resume: bool = False,
    steps: Sequence[str] = tuple(OUTPUTS),
) -> dict[str, Any]:
    """Do all steps in a run folder, or those that a stopped run lacks.

    Returns the paths of what was made, by what it is, and the ``seconds`` of each step. Where
    evaluators fail, raises an EvaluatorsFailedError after all else is done.
    """
    launch.expect_shareable(settings.train.batch_size, settings.train.accumulate)
    if "train" in steps and settings.train.device not in ("auto", "cpu"):
        from brainzoo.training.devices import compute

        compute(settings.train.device)  # refuse what is not there now, not after preparing
    if launch.is_helper():
        _help(settings, folder)
        return {}
    if folder.exists() and not resume:
        raise exists_error(folder)
    if "evaluate" in steps and not (resume and RunFolder.open(folder).done("evaluate")):
        # The classes of a folder of prepared images are known only when it is opened.
        check(settings.evaluate, classes=bool(settings.classes) or settings.prepare is None)
    try:
        # Alone in the run folder: two processes would undo each other's work.
        with disk_errors(folder), ExitStack() as held:
            started = time.monotonic()
            images = prepare_data(settings)
            if "train" in steps and not resume:
                expect_sources(settings.train, images)
            if resume:
                RunFolder.open(folder).expect_same_data(images)
                held.enter_context(locked(folder / "run.yaml"))
                opened = RunFolder.open(folder)
                opened.take_changes(settings)
            else:
                opened = RunFolder.create(folder, settings, images, command)
                held.enter_context(locked(folder / "run.yaml"))
                opened.record["seconds"]["prepare"] = round(time.monotonic() - started, 2)
                opened.save()
            console.note(f"run folder: {folder}")
            training = "train" in steps and not opened.done("train")
            if training:
                people = zip(images.column("subject"), images.column("split"), strict=True)
                for line in outlooks(settings.evaluate, people):
                    console.note(line)
            if training and settings.train.teacher:  # helpers find its samples there
                lessons(Run(folder, settings.train), images, settings.generator)
            launch.tell_helpers(training)
            _do(opened, settings, images, resume, steps)
    except KeyboardInterrupt:
        raise _stopped(folder) from None
    except StoppedError:
        raise
    except Exception:
        if (folder / "state").exists() or (folder / "checkpoint").exists():
            console.note(f"What is done is kept; go on with: brainzoo run --resume {folder}")
        raise
    return opened.made()


def _help(settings: Settings, folder: Path) -> None:
    """Train beside the first process, which does all else."""
    try:
        if launch.wait_for_first():
            fit(settings.generator, prepare_data(settings), Run(folder, settings.train))
    except KeyboardInterrupt:
        raise _stopped(folder) from None


def _stopped(folder: Path) -> StoppedError:
    if not (folder / "run.yaml").is_file():
        return StoppedError("stopped while preparing data.", "Run it again.")
    return StoppedError(
        f"stopped; what is done is kept in {folder}.",
        f"Go on with: brainzoo run --resume {folder}",
    )


def prepare_data(settings: Settings) -> Images:
    """Return the images of all splits: prepared now, from the cache, or opened from a folder."""
    if settings.prepare is None:
        return Images.open(settings.data.name)
    dataset = plugins().load("dataset", settings.data.name)(settings.data.config)
    images: Images = prepare(
        dataset, settings.prepare, name=settings.data.name, classes=dict(settings.classes)
    )
    return images


def images_of_run(run: Path) -> Images:
    """Return the images that a run was prepared from: from the cache, or prepared again."""
    opened = RunFolder.open(run)
    images = prepare_data(from_record(plugins(), opened.record))
    opened.expect_same_data(images)
    return images


def open_images(
    place: Path, *, synthetic: bool = False, subject_pattern: str | None = None
) -> Images:
    """Open a folder of images, a plain folder of pictures or volumes, or a run.

    Of a run its samples if ``synthetic``, else the images that it was prepared from. See
    :func:`brainzoo.evaluating.sets.open_sets` for how subjects are found.

    Raises:
        NotFoundError: It is not there, or its data are gone.
        DataError: The data have changed since the run began.
    """
    if not synthetic and (place / "run.yaml").is_file():
        return images_of_run(place)
    name = SYNTHETIC if synthetic else "images"
    return open_sets({name: place}, subject_pattern=subject_pattern)[name]


def samples_of(run: Path) -> Images:
    """Open the samples of a run; one that was stopped before has none."""
    if not (run / "samples").is_dir():
        raise NotFoundError(
            f"{run} has no samples yet.", f"Go on with it first: brainzoo run --resume {run}"
        )
    return Images.open(run / "samples")


def export(part: Part, images: Images, folder: Path, *, run: Path | None = None) -> list[Path]:
    """Run an exporter."""
    console.note(f"exporting: {part.name}")
    exporter = plugins().load("exporter", part.name)(part.config)
    files: list[Path] = exporter.export(images, folder, run=run)
    return files


def report(run: Path, folder: Path | None = None) -> Path:
    """Write the report of a run and return the path of its page."""
    part = Part("report", plugins().get("exporter", "report").config())
    files = export(part, samples_of(run), folder or run / "report", run=run)
    return next((path for path in files if path.suffix == ".html"), files[0])


def report_again(opened: RunFolder) -> None:
    """Write the report into a run folder, in place of an older one."""
    opened.clear("report")
    with opened.step("report"):
        report(opened.path)


def _do(
    opened: RunFolder, settings: Settings, images: Images, resume: bool, wanted: Sequence[str]
) -> None:
    """Do those of the steps that are not done yet."""
    folder = Run(opened.path, settings.train, resume, threads_chosen=opened.keep_threads)
    steps = [step for step in wanted if not opened.done(step)]
    if "train" in steps:
        try:
            with opened.step("train"):
                generator = fit(settings.generator, images, folder)
                opened.clear("train")  # an older checkpoint stays until there is a new one
                generator.save(folder.checkpoint)
        except StoppedError:
            raise
        except BrainzooError:
            if not (resume or folder.state.exists() or folder.stats.exists()):
                shutil.rmtree(opened.path)  # nothing was trained: leave nothing in the way
            raise
    if "sample" in steps:
        opened.clear("sample")
        with opened.step("sample"):
            request = Request(folder.checkpoint, settings.samples, settings.train.seed)
            draw(request, folder.samples, replace=True)
    failed: EvaluatorsFailedError | None = None
    if "evaluate" in steps and settings.evaluate:
        opened.forget("report")
        try:
            with opened.step("evaluate"):
                evaluate(
                    settings.evaluate,
                    opened.path,
                    EvaluationSets(
                        **{name: images.where(split=name) for name in SPLITS},
                        synthetic=Images.open(folder.samples),
                        generator=checkpoints.load(folder.checkpoint),
                        seed=settings.train.seed,
                    ),
                )
        except EvaluatorsFailedError as error:
            failed = error  # what the others found, and the rest of the run, is not lost for it
        write_metrics(opened.path, folder.checkpoint)
    if "export" in steps and settings.export:
        opened.clear("export")
        with opened.step("export"):
            for part in settings.export:
                place = opened.path / "export" / part.name
                export(part, Images.open(folder.samples), place, run=opened.path)
    offered = {spec.name for spec in plugins().specs("exporter")}
    if "report" in wanted and "report" in offered and not opened.done("report"):
        report_again(opened)
    if failed:
        raise failed
