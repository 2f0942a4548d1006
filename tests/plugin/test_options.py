from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainzoo.common.errors import OptionError
from brainzoo.plugin.options import check, count, make_config, nearest, option, options_of, plain
from brainzoo.plugin.run import TrainConfig


@dataclasses.dataclass(frozen=True)
class Config:
    size: int = option(64, "Edge in pixels.", minimum=8, maximum=512)
    rate: float = option(0.1, "Learning rate.", minimum=0)
    plane: Literal["axial", "coronal"] = option("axial", "Plane.")
    root: Path | None = option(None, "Folder.")
    levels_mm: tuple[float, ...] = option((), "Levels.")
    flip: bool = option(True, "Mirror.")
    limit: int | None = option(None, "At most.", minimum=1)


@dataclasses.dataclass(frozen=True)
class Picky:
    low: int = option(0, "Low.")
    high: int = option(1, "High.")

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


def test_options_of_resolves_types() -> None:
    found = {item.name: item for item in options_of(Config)}
    assert list(found) == ["size", "rate", "plane", "root", "levels_mm", "flip", "limit"]
    assert found["plane"].choices == ("axial", "coronal")
    assert (found["root"].type, found["root"].optional) == (Path, True)
    assert (found["levels_mm"].type, found["levels_mm"].many) == (float, True)
    assert (found["size"].minimum, found["size"].maximum) == (8, 512)


def test_a_type_that_cannot_be_an_option_is_a_programming_error() -> None:
    config = dataclasses.make_dataclass("Odd", [("a", dict[str, int], option(None, "A."))])
    with pytest.raises(TypeError, match="options cannot be of type"):
        list(options_of(config))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"size": "128"}, {"size": 128}),
        ({"size": 128.0}, {"size": 128}),
        ({"limit": "300k"}, {"limit": 300_000}),
        ({"limit": None}, {"limit": None}),
        ({"levels_mm": "-4,-2,0"}, {"levels_mm": (-4.0, -2.0, 0.0)}),
        ({"levels_mm": [1, 2]}, {"levels_mm": (1.0, 2.0)}),
        ({"levels_mm": 3}, {"levels_mm": (3.0,)}),
        ({"flip": "no"}, {"flip": False}),
        ({"root": "scans"}, {"root": Path("scans")}),
        ({"levels_mm": "none"}, {"levels_mm": ()}),
        ({"levels_mm": ""}, {"levels_mm": ()}),
    ],
)
def test_make_config_converts(values: dict[str, Any], expected: dict[str, Any]) -> None:
    made = make_config(Config, values)
    assert {name: getattr(made, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sise": 3}, "there is no option named 'sise'. Did you mean 'size'?"),
        ({"size": "big"}, "option 'size': expected a whole number, found 'big'."),
        ({"size": 8.5}, "expected a whole number, found 8.5"),
        ({"size": ""}, "expected a whole number, found ''"),
        ({"size": None}, "option 'size' needs a value"),
        ({"size": 4}, "4 is too small; expected at least 8"),
        ({"size": 1024}, "1024 is too large; expected at most 512"),
        ({"rate": "nan"}, "expected a number, found 'nan'"),
        ({"plane": "oblique"}, "'oblique' is not one of axial, coronal"),
        ({"flip": "maybe"}, "expected yes or no, found 'maybe'"),
        ({"levels_mm": "1,,2"}, "expected a number, found ''"),
    ],
)
def test_make_config_refuses_in_one_line(values: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        make_config(Config, values)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_checks_of_the_configuration_itself_become_option_errors() -> None:
    with pytest.raises(OptionError, match="option of picky: low is above high"):
        make_config(Picky, {"low": 2}, "option of picky")


def test_check_names_the_option_as_the_user_typed_it() -> None:
    size = next(options_of(Config))
    with pytest.raises(OptionError, match=r"^--size: 4 is too small; expected at least 8\.$"):
        check(size, 4, "--size")


@given(
    st.builds(
        Config,
        size=st.integers(8, 512),
        rate=st.floats(0, 1e6),
        plane=st.sampled_from(["axial", "coronal"]),
        root=st.none() | st.just(Path("a/b")),
        levels_mm=st.lists(st.floats(-99, 99)).map(tuple),
        flip=st.booleans(),
        limit=st.none() | st.integers(1),
    )
)
def test_plain_values_make_the_same_configuration(config: Config) -> None:
    assert make_config(Config, plain(config)) == config


@given(st.text())
def test_any_text_is_a_number_of_things_or_refused(text: str) -> None:
    try:
        assert isinstance(count(text), int)
    except (ValueError, OverflowError):
        return


@pytest.mark.parametrize(
    ("text", "number"),
    [("300k", 300_000), ("1.5M", 1_500_000), ("7", 7), ("1e4", 10_000), ("8.0", 8)],
)
def test_count(text: str, number: int) -> None:
    assert count(text) == number


@pytest.mark.parametrize(
    "text", ["1e400k", "infk", "nanM", "k", "1.5", "0.1k1", "1e-4", "inf", "1e400"]
)
def test_count_refuses(text: str) -> None:
    with pytest.raises(OptionError):
        make_config(Config, {"limit": text})


def test_nearest() -> None:
    assert nearest("pgan", ["dcgan", "pggan"]) == "Did you mean 'pggan'?"
    assert nearest("xyz", ["b", "a"]) == "Known: a, b."
    assert nearest("xyz", []) == "Known: none."


@pytest.mark.parametrize("seed", [0, 2**53 + 1, 1795906412345678901, 2**64 - 1])
def test_seeds_are_read_exactly(seed: int) -> None:
    assert count(str(seed)) == seed
    assert make_config(TrainConfig, {"images": 1, "seed": str(seed)}).seed == seed
    assert make_config(TrainConfig, {"images": 1, "seed": seed}).seed == seed


@pytest.mark.parametrize("seed", [-1, 2**64, "1e30", 1.8e18, "0.5"])
def test_other_seeds_are_refused_at_once(seed: float | str) -> None:
    with pytest.raises(OptionError):
        make_config(TrainConfig, {"images": 1, "seed": seed})
