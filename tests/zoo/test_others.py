"""Models by others in a folder.

``brainzoo-monai`` tests fetching and converting, with a format of others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from brainzoo.common.errors import NotFoundError, OptionError, UnknownPluginError
from brainzoo.zoo import others
from brainzoo.zoo.address import ByOthers, parse
from brainzoo.zoo.loading import find_checkpoint, generator_of


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("monai:bundle", ByOthers("monai", Path("bundle"))),
        ("monai:/a/b:c", ByOthers("monai", Path("/a/b:c"))),
        ("C:/runs/one", Path("C:/runs/one")),
        ("./monai:bundle", Path("monai:bundle")),
    ],
)
def test_a_generator_and_a_folder_are_an_address(text: str, wanted: Any) -> None:
    assert parse(text) == wanted


def test_what_cannot_be_converted_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    assert generator_of(f"vae:{folder}") == "vae"
    with pytest.raises(NotFoundError, match="there is no folder"):
        find_checkpoint(f"vae:{folder / 'nothing'}")
    with pytest.raises(OptionError, match="vae does not convert models by others"):
        find_checkpoint(f"vae:{folder}")
    with pytest.raises(UnknownPluginError):
        find_checkpoint(f"nobody:{folder}")
    monkeypatch.setattr(others, "MOST_FILES", 1)
    for name in "ab":
        (folder / name).touch()
    with pytest.raises(OptionError, match="holds 2 files"):
        find_checkpoint(f"vae:{folder}")
