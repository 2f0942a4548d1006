from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from brainzoo_report.charts import (
    Line,
    as_picture,
    bar_chart,
    line_chart,
    short,
    smooth,
    ticks,
)


def points(chart: str) -> list[tuple[float, float]]:
    found = re.search(r'<polyline [^>]*points="([^"]*)"', chart)
    assert found
    return [tuple(map(float, pair.split(","))) for pair in found.group(1).split()]


def test_a_line_runs_over_the_whole_width_and_upwards() -> None:
    chart = line_chart([Line("a", range(11), range(11))], title="t", x_label="x")
    drawn = points(chart)
    assert len(drawn) == 11
    assert all(b[0] > a[0] and b[1] < a[1] for a, b in itertools.pairwise(drawn))


def test_values_that_are_not_finite_are_left_out() -> None:
    y = [1.0, float("nan"), float("inf"), 2.0, 1e300]
    assert len(points(line_chart([Line("a", range(5), y)], title="t", x_label="x"))) == 2


@pytest.mark.parametrize("y", [[], [float("nan")] * 3])
def test_nothing_to_draw_draws_nothing(y: list[float]) -> None:
    assert line_chart([Line("a", range(len(y)), y)], title="t", x_label="x") == ""


@pytest.mark.parametrize("y", [[0.0], [5.0, 5.0], [1e-20, 2e-20], [-1e29, 1e29]])
def test_extreme_values_can_be_drawn(y: list[float]) -> None:
    assert "polyline" in line_chart([Line("a", range(len(y)), y)], title="t", x_label="x")


def test_an_outlier_does_not_flatten_the_rest() -> None:
    y = np.sin(np.arange(300))
    y[7] = 1e6
    heights = [b for _, b in points(line_chart([Line("a", range(300), y)], title="t", x_label="x"))]
    assert np.ptp(sorted(heights)[5:]) > 100


def test_smoothing_keeps_the_mean_and_takes_the_noise() -> None:
    noisy = 3 + np.random.default_rng(0).normal(size=500)
    assert smooth(noisy).mean() == pytest.approx(3, abs=0.15)
    assert smooth(noisy).std() < 0.3
    assert smooth(np.full(7, 2.0)) == pytest.approx(2.0)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.3, 2.9), (-5, 5), (0, 45000), (1e-9, 3e-9)])
def test_ticks_are_few_round_and_within(low: float, high: float) -> None:
    found = ticks(low, high, 5)
    assert 2 <= len(found) <= 7
    assert found == sorted(set(found))
    assert low - 1e-9 <= found[0]
    assert found[-1] <= high + 1e-9


def test_numbers_are_short() -> None:
    assert [short(v) for v in (0, 0.25, 12_000, 1_500_000, -3)] == [
        "0",
        "0.25",
        "12k",
        "1.5M",
        "−3",
    ]


def test_texts_are_escaped() -> None:
    assert "<b>" not in bar_chart({"<b>": 1}, title='"><b>', x_label="<b>")


def test_every_chart_is_sound_xml_and_says_what_it_is() -> None:
    many = Line("b", [0, 1], [1.0, 2.0], low=[0.5, 1.5], high=[1.5, 2.5])
    drawn = [
        line_chart([many], title="t", x_label="x", levels={"chance": 0.2}, x_names=["1", "all"]),
        bar_chart({"a": 1, "b": 0.5}, title="t", x_label="x", most=1, texts=["1 of 1", "1 of 2"]),
    ]
    for chart in drawn:
        root = ElementTree.fromstring(as_picture(chart))
        assert root.get("aria-label") == "t"
    assert ">chance<" in drawn[0]
    assert ">1 of 2<" in drawn[1]


def test_names_that_would_run_into_each_other_take_two_lines() -> None:
    few = bar_chart({"20s F": 1, "30s M": 2}, title="t", x_label="x")
    assert ">20s F<" in few
    many = bar_chart(
        {f"{ten}0s {sex}": 1 for ten in range(2, 9) for sex in "FM"}, title="t", x_label="x"
    )
    assert ">20s<" in many
    assert ">F<" in many
