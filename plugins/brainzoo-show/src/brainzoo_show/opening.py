"""What is shown of an address: a model, images, or a run's model beside its images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from brainzoo.api import BrainzooError, OptionError, console, open_images
from brainzoo_show.panes import ImagesPane, ModelPane, Pane


def open_panes(addresses: Sequence[str], *, real: bool) -> list[Pane]:
    """Return what is shown, one or two side by side.

    Args:
        addresses: Names of checkpoints, checkpoint or run folders, folders of images.
        real: Whether a single run's model stands beside the images that it learned from.

    Raises:
        BrainzooError: What opening one of them raises.
        OptionError: Slices and volumes cannot stand side by side.
    """
    alone = len(addresses) == 1
    panes = [pane for address in addresses for pane in _open(address, real=real and alone)]
    if len({pane.dims for pane in panes}) > 1:
        raise OptionError("one makes slices, the other volumes.", "Show them one by one.")
    return panes


def _open(address: str, *, real: bool) -> Iterator[Pane]:
    folder = Path(address).expanduser()
    is_run = (folder / "run.yaml").is_file()
    if folder.is_dir() and not is_run and not (folder / "config.json").is_file():
        yield ImagesPane(open_images(folder), folder.name or "images")
        return
    yield ModelPane(folder if is_run else address)
    if is_run and real:
        try:
            images = open_images(folder).where(split="train")
        except BrainzooError as error:
            console.note(f"without the images it learned from: {error.message}")
            return
        yield ImagesPane(images, "What it learned from")
