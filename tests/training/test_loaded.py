"""What a loaded generator does besides: where it draws, and what a notebook shows of it."""

from __future__ import annotations

import pytest

import brainzoo
from brainzoo.common.errors import OptionError


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(OptionError):
        brainzoo.load("pggan-ixi-64", device="cuda:7")


def test_a_generator_shows_samples_in_a_notebook() -> None:
    generator = brainzoo.load("pggan-ixi-64")
    assert "data:image/png" in generator._repr_html_()
    assert "pggan-ixi-64" in repr(generator)
