"""The command as it is typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from brainzoo.api import Images
from brainzoo.testing import make_images


def test_a_page_is_exported(brainzoo: Any) -> None:
    found = brainzoo("show", "pggan-ixi-64", "--export", "look.html", "--images", 1)
    assert found.exit_code == 0, found.output
    text = Path("look.html").read_text()
    assert text.count("data:image/webp") > 50
    assert "http" not in text.partition('id="state"')[0].replace("http-equiv", "")


def test_images_of_people_are_refused(brainzoo: Any, real: Images, tmp_path: Path) -> None:
    folder = tmp_path / "people"
    real.save(folder)
    found = brainzoo("show", folder, "--export", "look.html")
    assert found.exit_code == 9
    assert "--with-real" in found.stderr
    assert not Path("look.html").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["a", "b", "c"], 2),
        (["pggan-ixi-64", "--with-real"], 2),
        (["no-such-model"], 3),
    ],
)
def test_what_cannot_be_shown_is_refused(brainzoo: Any, words: list[str], code: int) -> None:
    assert brainzoo("show", *words).exit_code == code


def test_slices_and_volumes_do_not_stand_side_by_side(brainzoo: Any) -> None:
    make_images(Path("heads"), spatial=(16, 16, 16))
    found = brainzoo("show", "pggan-ixi-64", "heads")
    assert found.exit_code == 2
    assert "volumes" in found.stderr
