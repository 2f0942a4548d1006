import numpy as np
import pytest

from brainzoo_privacy.power import chance, outlook


def test_few_people_are_told_before_training():
    [line] = outlook({"train": 51, "validation": 7, "test": 14})
    assert "51 people to train on and 21 held back" in line
    assert "--data.split-fractions 0.5,0.1,0.4" in line
    assert "people in all" in line
    assert "chance of 0%" in outlook({"train": 10, "test": 3})[0]


def test_fractions_that_would_do_are_named():
    [line] = outlook({"train": 100, "validation": 12, "test": 25})
    assert "--data.split-fractions 0." in line
    assert "in all" not in line


def test_enough_people_are_told_so():
    [line] = outlook({"train": 300, "validation": 40, "test": 80})
    assert "undecided" not in line


@pytest.mark.parametrize(("members", "others"), [(81, 40), (36, 36)])
def test_the_chance_is_what_drawing_finds(members, others):
    rng = np.random.default_rng(0)
    passed = []
    for _ in range(60):
        trained, held_back = rng.normal(size=members), rng.normal(size=others)
        draws = [
            (rng.choice(trained, members)[:, None] > rng.choice(held_back, others)).mean()
            for _ in range(40)
        ]
        passed.append(np.quantile(draws, 0.975) < 0.65)
    assert abs(np.mean(passed) - chance(members, others)) < 0.2
