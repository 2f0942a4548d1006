"""The pictures of a report: the two grids, the film, and those of evaluators, as data URIs."""

from __future__ import annotations

import base64
import dataclasses
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainzoo.api import Images, grid
from brainzoo_report.runfolder import RunFolder, inside

VIEW_BOX = re.compile(rb'<svg [^>]*viewBox="0 0 (\d+) (\d+)"')
MOST_CHART_BYTES = 500_000
FILM_PIXELS = 1056  # the longer side of a frame at most
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)


@dataclasses.dataclass(frozen=True)
class Picture:
    """One picture of the page."""

    uri: str
    width: int
    height: int
    caption: str = ""
    images_seen: int = 0


@dataclasses.dataclass(frozen=True)
class Pair:
    """Real and synthetic images to be seen side by side; either may be missing."""

    real: Picture | None = None
    synthetic: Picture | None = None


def pair(images: Images, run: RunFolder, film: list[Picture], most: int, real: bool) -> Pair:
    """Return the two grids: the same number of images, the same size, the same grey window.

    Synthetic images are the first that were made; real ones were trained on, of as many different
    subjects as possible. Where the prepared data are gone, the grids kept in the run folder's
    ``progress/`` take their place.
    """
    trained_on = run.trained_on() if real else None
    count, columns = layout(images, trained_on, most)
    if trained_on is not None and count:
        shown = trained_on.floats(spread(trained_on, count))
        return Pair(
            as_grid(shown, columns, f"{count} of the images it learned from, chosen at random"),
            as_grid(images[:count].floats(), columns, f"the first {count} it made, none selected"),
        )
    folder = run.folder if real else None
    kept = (
        read_picture(folder / "progress" / "real.png", "images it learned from") if folder else None
    )
    made = as_grid(images[:count].floats(), columns, f"the first {count} it made, none selected")
    last = dataclasses.replace(film[-1], caption="made at the end of training") if film else None
    if kept and last and (made is None or (made.width, made.height) != (kept.width, kept.height)):
        made = last
    return Pair(kept, made or last)


def film_of(run: RunFolder, most: int) -> list[Picture]:
    """Return the sample grids made while training, evenly chosen, from noise on."""
    if run.folder is None:
        return []
    found = [
        (int(p.stem), p) for p in (run.folder / "progress").glob("*.png") if p.stem.isdecimal()
    ]
    found.sort()
    chosen = np.unique(np.linspace(0, len(found) - 1, min(most, len(found))).astype(int))
    frames, broken = [], 0
    for images_seen, path in (found[i] for i in chosen):
        frame = read_picture(path, images_seen=images_seen)
        frames += [frame] if frame else []
        broken += frame is None
    if broken:
        run.notes.append(f"{broken} of the film's pictures cannot be read and are left out.")
    if not frames:
        run.notes.append("There are no pictures in progress/: the film cannot be shown.")
    return frames


def evaluator_picture(run: RunFolder, place: str) -> Picture | None:
    """Return a picture that ``evaluation.json`` names by its path in the run folder."""
    path = inside(run, place)
    if path is not None and path.suffix == ".svg":
        return _read_chart(path)
    return None if path is None else read_picture(path, mode="RGB")


def _read_chart(path: Path) -> Picture | None:
    """Return an SVG file as a picture; as an image it can neither run scripts nor fetch files."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    size = VIEW_BOX.match(content)
    if size is None or len(content) > MOST_CHART_BYTES:
        return None
    code = base64.b64encode(content).decode()
    return Picture(f"data:image/svg+xml;base64,{code}", int(size[1]), int(size[2]))


def layout(images: Images, real: Images | None, most: int) -> tuple[int, int]:
    """Return how many images to show and how many a row: full rows where there is more than one."""
    wide = images.channels * (1 if images.dims == 2 else 3)
    columns = max(1, 8 // wide)
    count = min(len(images), most, columns * 8)
    if real is not None and len(real):
        count = min(count, len(real))
    return (count // columns * columns if count > columns else count), columns


def spread(images: Images, count: int) -> NDArray[np.intp]:
    """Choose by a fixed lot, one image of each subject before a second of any."""
    lot = np.random.default_rng(0).permutation(len(images))
    turns: dict[Any, int] = {}
    order: list[tuple[int, int, int]] = []
    for i in lot:
        subject = images.table[i].get("subject")
        turns[subject] = turns.get(subject, 0) + 1
        order.append((turns[subject], len(order), int(i)))
    return np.array([i for _, _, i in sorted(order)[:count]], dtype=np.intp)


def as_grid(pixels: NDArray[np.float32], columns: int, caption: str) -> Picture | None:
    """Return images as one picture; ``None`` if there are none."""
    if not len(pixels):
        return None
    return read_picture(io.BytesIO(grid(np.nan_to_num(pixels), columns=columns)), caption)


def read_picture(
    file: Path | io.BytesIO, caption: str = "", images_seen: int = 0, mode: str = "L"
) -> Picture | None:
    """Return a PNG file as a picture of the page, ``None`` if it cannot be read."""
    try:
        with Image.open(file, formats=["PNG"]) as picture:
            shown = picture.convert(mode)
    except UNREADABLE:
        return None
    if max(shown.size) > FILM_PIXELS:
        shown.thumbnail((FILM_PIXELS, FILM_PIXELS), Image.Resampling.BOX)
    out = io.BytesIO()
    Image.fromarray(np.asarray(shown)).save(out, "PNG")  # of the file's metadata nothing stays
    uri = f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
    return Picture(uri, *shown.size, caption, images_seen)
