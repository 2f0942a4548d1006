"""Learning from a model's samples instead of from images of people.

Weights that saw few people can give them away to whoever has them (Carlini et al. 2023, arXiv
2301.13188). A student that learns only from samples of a teacher has seen no person: of them it can
give away what the samples do (knowledge transfer as in Papernot et al. 2017, arXiv 1610.05755; but
without its guarantee, so the audit judges the student as any other model).
"""

from __future__ import annotations

import hashlib
import json

from brainzoo.checkpoint.reading import read_config
from brainzoo.checkpoint.writing import describe_training
from brainzoo.common import console
from brainzoo.common.errors import DataError
from brainzoo.data.images import Images
from brainzoo.data.packing import packed
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.sampling import Request, draw
from brainzoo.zoo.loading import find_checkpoint


def lessons(run: Run) -> Images:
    """Return the teacher's samples, drawn into the run folder unless they are there already."""
    folder = run.folder / "lessons"
    if not folder.exists():
        console.note(f"learning from {run.train.teacher}: no image of a person is trained on.")
        teacher = find_checkpoint(run.train.teacher)
        request = Request(teacher, run.train.teacher_samples, run.train.seed)
        draw(request, folder, replace=True)
    return packed(Images.open(folder))


def expect_teacher(train: TrainConfig, images: Images) -> None:
    """Refuse a teacher whose samples cannot stand for the training images.

    Args:
        train: Names the teacher.
        images: The training images, as a generator sees them.

    Raises:
        DataError: It makes other images, or has seen people besides those of ``images``.
    """
    teacher = read_config(find_checkpoint(train.teacher))
    own = json.loads(json.dumps(describe_training(images)))
    for part, what in (("images", "images"), ("preprocessing", "preparation")):
        for name in sorted({*teacher[part], *own[part]} - {"class_shares"}):
            found, expected = teacher[part].get(name), own[part].get(name)
            if found != expected:
                raise DataError(
                    f"the {what} of the teacher differ: {name} is {found!r}; expected "
                    f"{expected!r}.",
                    "Prepare the data as the teacher's were: its config.json says how.",
                )
    salt, seen = teacher["trained_on"]["salt"], set(teacher["trained_on"]["subjects_sha256"])
    people = {hashlib.sha256(f"{salt}{name}".encode()).hexdigest() for name in images.subjects()}
    if others := seen - people:
        raise DataError(
            f"the teacher was trained on {len(others)} people who are not among the "
            f"{len(people)} to train on: they may be among those who test the student.",
            "Train both on the same data with the same --data.split-seed.",
        )
