from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainzoo.common.errors import DataError, OptionError
from brainzoo.data.splits import SPLITS, check_splits, split_of

EXPECTED = ["train", "train", "validation", "train", "train", "validation", "test"]
IDS = [f"sub-{i:04d}" for i in range(5000)]


def test_assignment_never_changes() -> None:
    # Published checkpoints depend on these: a change moves people from test to train.
    assert [split_of(f"IXI{i:03d}", 0) for i in (2, 12, 13, 14, 15, 16, 17)] == EXPECTED
    assert split_of("IXI002", 1) in SPLITS


def test_shares_are_near_the_fractions() -> None:
    for seed in (0, 7):
        found = [split_of(subject, seed) for subject in IDS]
        for split, fraction in zip(SPLITS, (0.7, 0.1, 0.2), strict=True):
            assert found.count(split) / len(IDS) == pytest.approx(fraction, abs=0.02)


def test_seeds_are_independent() -> None:
    both = sum(split_of(s, 0) == split_of(s, 1) == "test" for s in IDS)
    assert both / len(IDS) == pytest.approx(0.04, abs=0.01)


@given(st.text(), st.integers(0, 2**64), st.integers(0, 10), st.integers(0, 10))
def test_an_empty_fraction_stays_empty(subject: str, seed: int, a: int, b: int) -> None:
    total = max(a + b, 1)
    for fractions in ((a / total, b / total, 0.0), (a / total, 0.0, b / total)):
        if sum(fractions) == 0:
            continue
        split = split_of(subject, seed, fractions)
        assert fractions[SPLITS.index(split)] > 0


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.5, 0.4, 0.2), (1.2, -0.1, -0.1), ()])
def test_odd_fractions_are_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(OptionError, match="add up to 1"):
        split_of("a", 0, fractions)


def test_one_subject_is_too_few() -> None:
    with pytest.raises(DataError, match="only one subject \\(anna\\)"):
        check_splits(["anna", "anna"])
    check_splits(["anna"], fractions=(1.0, 0.0, 0.0))


def test_an_empty_split_comes_with_a_seed_that_works() -> None:
    failing = next(s for s in range(100) if len({split_of(i, s) for i in "abc"}) == 1)
    with pytest.raises(DataError) as error:
        check_splits("abc", failing)
    seed = int(error.value.hint.rsplit(" ", 1)[1])
    check_splits("abc", seed)
