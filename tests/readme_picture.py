"""Draw the README's first picture: real people beside samples of a checkpoint, by age.

    python tests/readme_picture.py PREPARED CHECKPOINT docs/pictures/ages.png

Real: of each age the training people who are nearest to it, each once, the middle slice. Synthetic:
the first samples of seed 0, none of them chosen.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import brainzoo
from brainzoo.api import Images, open_images
from brainzoo.data.pictures import grid

AGES = (25, 40, 55, 70)
REAL, MADE = 3, 5


def nearest(images: Images, age: float, taken: set[str]) -> list[int]:
    """Return the positions of the middle slices of the people nearest to an age, and note them."""
    rows = images.table
    order = sorted(
        range(len(rows)),
        key=lambda i: (abs(float(rows[i]["age"]) - age), abs(float(rows[i]["position_mm"]))),
    )
    found: list[int] = []
    for position in order:
        person = str(rows[position]["subject"])
        if person not in taken and len(found) < REAL:
            taken.add(person)
            found.append(position)
    return found


def main() -> None:
    prepared, checkpoint, target = sys.argv[1:]
    images = open_images(Path(prepared)).where(split="train")
    model = brainzoo.load(checkpoint)
    taken: set[str] = set()
    parts = []
    for age in AGES:
        real = images.floats(np.array(nearest(images, age, taken)))
        parts += [real, model.images(MADE, seed=0, condition={"age": float(age)})]
    tiles = np.concatenate(parts)
    picture = grid(
        tiles,
        columns=REAL + MADE,
        scale=1,
        column_labels=["real"] * REAL + ["synthetic"] * MADE,
        row_labels=[f"{age} years" for age in AGES],
    )
    Path(target).write_bytes(picture)
    Image.open(target).verify()


if __name__ == "__main__":
    main()
