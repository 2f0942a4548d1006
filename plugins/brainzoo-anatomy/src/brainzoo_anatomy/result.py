"""Values, tables and notes of segmented heads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from brainzoo.api import Images, MetricValue, Value, interval
from brainzoo_anatomy.plausible import WIDTH, Limits
from brainzoo_anatomy.regions import NAMES, PAIRED, REGIONS
from brainzoo_anatomy.statistics import Group, Numbers, hedges, slopes, wasserstein

FLOOR = "floor: training people in the place of the synthetic heads"
COARSE_MM = 2.0
FEW = 20
SETS = ("test", "synthetic", "train")
DISTANCE: Mapping[str, Any] = {"normal": True, "bounds": (0.0, np.inf)}

Groups = Mapping[str, Group]


def metrics(groups: Groups, limits: Limits) -> list[MetricValue]:
    """Return what is compared across runs: names stay as they are."""
    n = len(groups["test"].heads)
    found = [_plausible(groups, limits), _distance(groups)]
    for i, name in enumerate(NAMES):
        detail = f"Hedges' g of the volume of {name}, synthetic against test"
        found.append(
            _effect(f"{name} |g|", {k: g.heads.ml[:, i] for k, g in groups.items()}, groups, detail)
        )
    lopsided = {name: np.abs(group.heads.asymmetry).mean(1) for name, group in groups.items()}
    detail = "Hedges' g of the mean difference of left and right, over paired regions"
    found.append(_effect("asymmetry |g|", lopsided, groups, detail))
    change = {name: slopes(group) for name, group in groups.items()}
    if change["test"] is not None and change["synthetic"] is not None:
        gap = _gap(change["test"], change["synthetic"])
        floor = None if change["train"] is None else _gap(change["test"], change["train"])
        detail = (
            "difference of the change with age, percent of the volume a decade, mean over regions; "
            + (FLOOR if floor is not None else "")
        )
        found.append(
            MetricValue.of("change with age", gap, n, floor, detail.rstrip("; "), **DISTANCE)
        )
    return found


def tables(groups: Groups, limits: Limits) -> dict[str, list[dict[str, Value]]]:
    """Return volumes, asymmetry, change with age, and what is plausible."""
    found = {
        "volumes": _volumes(groups),
        "asymmetry": _asymmetry(groups),
        "change with age": _change(groups),
        "plausible heads": limits.rows(**{name: groups[name].heads for name in SETS}),
    }
    return {name: rows for name, rows in found.items() if rows}


def notes(
    named: Mapping[str, Images], drawn: Mapping[str, Images], groups: Groups, limits: Limits
) -> list[str]:
    """Return what a reader must know before the values."""
    return [*_notes(named, drawn, groups, limits)]


def _notes(
    named: Mapping[str, Images], drawn: Mapping[str, Images], groups: Groups, limits: Limits
) -> Iterator[str]:
    test, n = drawn["test"], len(drawn["test"])
    yield (
        f"{n} heads of each set were segmented (of {len(named['synthetic'])} synthetic, "
        f"{len(named['test'])} test and {len(named['train'])} training heads) by MeshNet, real and "
        "synthetic alike: compare them with each other, not with volumes from elsewhere."
    )
    if n < FEW:
        yield f"{n} heads are few: only large differences of volumes can be told from chance."
    spacing = max(test.info["spacing_mm"])
    if spacing > COARSE_MM:
        yield (
            f"Voxels of {spacing:g} mm blur small regions (amygdala, pallidum) and thin cortex, in "
            "real and synthetic heads alike."
        )
    odd = {name: limits.outside(groups[name].heads).any(1).sum() for name in SETS}
    if odd["synthetic"]:
        yield (
            f"{odd['synthetic']} of {n} synthetic heads are not plausible ({odd['test']} of the "
            "real test heads); effect sizes include them."
        )
    if slopes(groups["synthetic"]) is None:
        yield "The synthetic heads tell no ages, or too few: change with age is not compared."


def _plausible(groups: Groups, limits: Limits) -> MetricValue:
    group = groups["synthetic"]
    fine = np.asarray(~limits.outside(group.heads).any(1))
    floor = float((~limits.outside(groups["test"].heads).any(1)).mean())
    draws = group.weights @ fine / group.weights.sum(1)
    detail = (
        f"share of heads whose regions all lie within {WIDTH:g} robust standard deviations of "
        "training heads; floor: real test heads"
    )
    return MetricValue.of("plausible heads", draws, len(fine), floor, detail, bounds=(0.0, 1.0))


def _distance(groups: Groups) -> MetricValue:
    count = len(REGIONS)
    known = groups["train"].heads.shares[:, :count]
    middle, spread = known.mean(0), np.maximum(known.std(0), 1e-6 + 1e-3 * known.mean(0))
    values = {k: (g.heads.shares[:, :count] - middle) / spread for k, g in groups.items()}
    draws = {
        name: wasserstein(
            values["test"], values[name], groups["test"].weights, groups[name].weights
        )
        for name in ("synthetic", "train")
    }
    detail = (
        f"2-Wasserstein distance of Gaussians (WASABI) of {count} regions' shares of the brain, in "
        f"standard deviations of training people; {FLOOR}"
    )
    n = len(values["test"])
    return MetricValue.of("WASABI", draws["synthetic"], n, draws["train"], detail, **DISTANCE)


def _effect(name: str, values: Mapping[str, Numbers], groups: Groups, detail: str) -> MetricValue:
    signed, floor = _effects(values, groups)
    draws = signed * np.sign(signed[0] or 1.0)
    detail = f"{detail} (g = {signed[0]:+.2f}); {FLOOR} (g = {floor[0]:+.2f})"
    return MetricValue.of(name, draws, len(values["test"]), np.abs(floor), detail, **DISTANCE)


def _effects(values: Mapping[str, Numbers], groups: Groups) -> tuple[Numbers, Numbers]:
    """Return g of synthetic and of training heads against test heads, each round."""
    synthetic, train = (
        hedges(values["test"], values[name], groups["test"].weights, groups[name].weights)
        for name in ("synthetic", "train")
    )
    return synthetic, train


def _gap(real: Numbers, other: Numbers) -> Numbers:
    return np.asarray(np.abs(other - real)[:, : len(REGIONS)].mean(1))


def _volumes(groups: Groups) -> list[dict[str, Value]]:
    rows = []
    for i, name in enumerate(NAMES):
        row: dict[str, Value] = {"region": name}
        for of in SETS:
            ml = groups[of].heads.ml[:, i]
            low, middle, high = np.quantile(ml, [0.05, 0.5, 0.95])
            row[f"{of}, ml"] = float(f"{middle:.3g}")
            row[f"{of}, 5 to 95 %"] = f"{low:.3g} to {high:.3g}"
        row["g"] = _signed({k: g.heads.ml[:, i] for k, g in groups.items()}, groups)
        if name in REGIONS:
            for of in ("test", "synthetic"):
                share = float(np.median(groups[of].heads.shares[:, i]))
                row[f"{of}, % of brain"] = float(f"{share:.3g}")
            shares = {k: g.heads.shares[:, i] for k, g in groups.items()}
            row["g of share"] = _signed(shares, groups)
        rows.append(row)
    return rows


def _asymmetry(groups: Groups) -> list[dict[str, Value]]:
    rows = []
    for i, name in enumerate(PAIRED):
        row: dict[str, Value] = {"region": name}
        values = {of: group.heads.asymmetry[:, i] for of, group in groups.items()}
        for of in SETS:
            row[f"{of}, left − right %"] = round(float(values[of].mean()), 1)
            row[f"{of}, deviation"] = round(float(values[of].std()), 1)
        rows.append(row | {"g": _signed(values, groups)})
    return rows


def _change(groups: Groups) -> list[dict[str, Value]]:
    found = {of: slopes(groups[of]) for of in SETS}
    rows = []
    for i, name in enumerate(NAMES):
        row: dict[str, Value] = {"region": name}
        for of, draws in found.items():
            if draws is not None:
                ends = interval(draws[:, i])
                row[f"{of}, % a decade"] = round(float(draws[0, i]), 1)
                row[f"{of}, interval"] = f"{ends[0]:.1f} to {ends[1]:.1f}" if ends else ""
        rows.append(row)
    return rows if any(draws is not None for draws in found.values()) else []


def _signed(values: Mapping[str, Numbers], groups: Groups) -> str:
    """Return g of the synthetic heads with its interval, and of training heads, as text."""
    synthetic, train = _effects(values, groups)
    ends = interval(synthetic)
    inside = f" ({ends[0]:+.2f} to {ends[1]:+.2f})" if ends else ""
    return f"{synthetic[0]:+.2f}{inside}, train {train[0]:+.2f}"
