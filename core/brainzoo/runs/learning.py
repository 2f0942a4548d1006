"""Which images a generator learns from: of people, or samples of a teacher in their place.

Weights that saw few people can give them away to whoever has them (Carlini et al. 2023, arXiv
2301.13188). A student that learns only from samples of a teacher has seen no person: of them it can
give away what the samples do (knowledge transfer as in Papernot et al. 2017, arXiv 1610.05755; but
without its guarantee, so the audit judges the student as any other model).
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from brainzoo.checkpoint.reading import (
    expect_own_people,
    expect_taught,
    expect_unseen,
    read_config,
)
from brainzoo.checkpoint.writing import describe_training
from brainzoo.common import console, launch
from brainzoo.common.errors import DataError, OptionError
from brainzoo.data.classes import Expression
from brainzoo.data.conditions import Conditions
from brainzoo.data.images import Images
from brainzoo.data.packing import packed
from brainzoo.plugin.interfaces import Generator
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.part import Part, part_of
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.sampling import Request, draw
from brainzoo.zoo.loading import find_checkpoint


def training_images(images: Images) -> Images:
    """Return what a generator may see: the training split, and with classes only their images."""
    train = images.where(split="train")
    if images.classes:
        chosen = [i for i, name in enumerate(train.column("class")) if name is not None]
        if len(chosen) < len(train):
            left_out = len(train) - len(chosen)
            console.note(f"{left_out} of {len(train)} training images are in no class: left out.")
        train = train[chosen]
    empty = sorted(set(images.classes) - set(map(str, train.column("class"))))
    if empty and len(train):
        raise DataError(
            f"no training image is of class {', '.join(empty)}.",
            "Widen its expression, add subjects, or choose another --data.split-seed.",
        )
    if not len(train):
        raise DataError(
            f"no images to train on: none of {len(images)} is in the training split.",
            "Add subjects, or change the fractions of the splits or the classes.",
        )
    return train


def fit(part: Part, images: Images, run: Run) -> Generator:
    """Return a generator trained on the training split of ``images``.

    Validation images decide which of its snapshots is kept; test images are never seen.
    """
    generator: Generator = plugins().load("generator", part.name)(part.config)
    train, validation = packed(training_images(images)), packed(images.where(split="validation"))
    if run.train.snapshot == "best" and not len(validation):
        console.note(
            "nobody is in the validation split: the last weights are kept, not the best "
            "(--data.split-seed N divides people otherwise)."
        )
    run = dataclasses.replace(
        run,
        train=shrunk(run.train, len(train)),
        validation=validation if len(validation) else None,
    )
    if run.train.start:
        if not generator.teachable:
            raise OptionError(f"{part.name} cannot go on from weights.", "Leave out --start.")
        run = dataclasses.replace(run, start=find_checkpoint(run.train.start))
    if run.train.teacher:
        if not generator.teachable:
            raise OptionError(f"{part.name} learns from images only.", "Leave out --teacher.")
        found = _classed(lessons(run, images, part), images)
        _expect_columns(found, train, part)
        run = dataclasses.replace(run, lessons=found)
    generator.fit(train, run)
    return generator


def shrunk(train: TrainConfig, images: int) -> TrainConfig:
    """Return options whose batches are not larger than the number of training images.

    More would only repeat images, in steps so long that Ctrl-C is heard late.
    """
    shares = launch.processes() * train.accumulate
    if train.batch_size <= max(images, shares):
        return train
    size = max(images // shares, 1) * shares
    console.note(
        f"the batch size is {size}, not {train.batch_size:,}: there are {images} training images."
    )
    return dataclasses.replace(train, batch_size=size)


def lessons(run: Run, images: Images, student: Part) -> Images:
    """Return the teacher's samples, drawn into the run folder unless they are there already.

    A generator that is named as the teacher learns from ``images`` first.
    """
    folder = run.folder / "lessons"
    if not folder.exists():
        name = run.train.teacher
        teacher = _taught(run, images, student) if is_generator(name) else find_checkpoint(name)
        console.note(f"learning from samples of {name}, in place of the images.")
        draw(Request(teacher, run.train.teacher_samples, run.train.seed), folder, replace=True)
    return packed(Images.open(folder))


def _taught(run: Run, images: Images, student: Part) -> Path:
    """Train the generator that is named as the teacher, on all columns that the student takes."""
    place, name = run.folder / "teacher", run.train.teacher
    if not (place / "checkpoint").exists():
        part = part_of(plugins().get("generator", name), {})
        if hasattr(part.config, "covariates"):
            both = dict.fromkeys([*part.config.covariates, *covariates_of(student)])
            part = Part(name, dataclasses.replace(part.config, covariates=tuple(both)))
        train = dataclasses.replace(run.train, teacher="", start="")
        teacher = fit(part, images, Run(place, train, resume=place.exists()))
        teacher.save(place / "checkpoint")
    return place / "checkpoint"


def covariates_of(part: Part) -> tuple[str, ...]:
    """Return the columns that a generator is conditioned on besides the class."""
    return tuple(getattr(part.config, "covariates", ()))


def _expect_columns(lessons: Images, images: Images, student: Part) -> None:
    """Refuse a teacher whose samples do not say what the student is conditioned on."""
    said = {name for row in lessons.table for name in row}
    asked = Conditions.of(images, covariates_of(student)).names
    if missing := [name for name in asked if name not in said | {"class"}]:
        raise DataError(
            f"the teacher's samples do not say {', '.join(missing)}.",
            f"Leave them out of --covariates (now {','.join(covariates_of(student))}), or choose "
            "a teacher that knows them.",
        )


def is_generator(name: str) -> bool:
    """Return whether a teacher is a generator, still to be trained, and not a checkpoint."""
    return any(spec.name == name for spec in plugins().specs("generator"))


def _classed(lessons: Images, images: Images) -> Images:
    """Return the lessons in the classes of ``images``, by the conditions they were drawn for."""
    if lessons.classes == images.classes:
        return lessons
    found = lessons.in_classes(images.info["class_expressions"])
    return found[[i for i, name in enumerate(found.column("class")) if name]]


def expect_sources(train: TrainConfig, images: Images) -> None:
    """Refuse a start or a teacher that has seen people it may not have seen, or unfit images.

    ``images`` are those of all splits.
    """
    if train.start:
        begun = read_config(find_checkpoint(train.start))["trained_on"]
        judges = [row["split"] != "train" for row in images.table]
        expect_unseen(begun, images[judges].subjects())
        if train.teacher:
            expect_taught(begun, training_images(images).subjects())
    if train.teacher and not is_generator(train.teacher):
        _expect_teacher(train, images)


def _expect_teacher(train: TrainConfig, images: Images) -> None:
    """Refuse a teacher whose samples cannot stand for the training images."""
    teacher, images = read_config(find_checkpoint(train.teacher)), packed(training_images(images))
    own = json.loads(json.dumps(describe_training(images)))
    expressions = images.info.get("class_expressions", {})
    columns = {column for text in expressions.values() for column in Expression(text).columns}
    if columns and columns <= {c["name"] for c in teacher.get("conditions", {}).get("columns", [])}:
        own["images"]["classes"] = teacher["images"]["classes"]  # lessons are sorted into them
    for part, what in (("images", "images"), ("preprocessing", "preparation")):
        for name in sorted({*teacher[part], *own[part]} - {"class_shares"}):
            found, expected = teacher[part].get(name), own[part].get(name)
            if found != expected:
                raise DataError(
                    f"the {what} of the teacher differ: {name} is {found!r}; expected "
                    f"{expected!r}.",
                    "Prepare the data as the teacher's were: its config.json says how.",
                )
    expect_own_people(teacher["trained_on"], images.subjects(), "the teacher")
