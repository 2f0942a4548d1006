"""``brainzoo dicom``: what is in a folder, for whoever keeps it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from brainzoo.api import command_options, console
from brainzoo_dicom.config import DicomConfig

if TYPE_CHECKING:
    from brainzoo_dicom.series import Stack

HEADER = ("person", "series", "becomes", "slices", "first file")


@command_options(DicomConfig, leave_out=("root", "channels", "repeats", "license", "citation"))
@click.command()
@click.argument("root", metavar="FOLDER", type=click.Path(path_type=Path))
def dicom(root: Path, config: DicomConfig) -> None:
    """List the series below a folder: whose they are, what becomes of them, where they lie.

    Files are shown as they are called, which may name people: this list is for your eyes.
    """
    from brainzoo_dicom.dataset import Dicom
    from brainzoo_dicom.people import pseudonym, salt

    dataset = Dicom(dataclasses.replace(config, root=root))
    root, found = dataset.found()
    key, rows = salt(), []
    for stack in found.stacks:
        identity = dataset.identity(root, stack)
        who = pseudonym(key, identity) if identity else "unknown"
        number = "-" if stack.header.number is None else str(stack.header.number)
        place = str(stack.first.path.relative_to(root))
        rows.append(
            (who, number, _becomes(stack, *dataset.meaning(stack)), str(len(stack.slices)), place)
        )
    rows.sort(key=lambda row: (row[0], int(row[1]) if row[1].isdigit() else -1, row[-1]))
    damaged = [str(path.relative_to(root)) for path in found.damaged]
    console.answer(
        {"series": [dict(zip(HEADER, row, strict=True)) for row in rows], "damaged": damaged},
        console.table(HEADER, rows),
        *(f"damaged: {place}" for place in damaged),
    )


def _becomes(stack: Stack, channel: str, other: str) -> str:
    if not channel:
        return f"left out: {other}" if other else "left out: contrast unknown"
    return f"{channel}, but {stack.problem}" if stack.problem else channel
