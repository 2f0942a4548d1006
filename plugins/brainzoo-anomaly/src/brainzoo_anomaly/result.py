"""What was measured as values, tables and notes; a baseline that wins is named first."""

from __future__ import annotations

from collections.abc import Sequence

from brainzoo.api import MetricValue, Value, interval
from brainzoo_anomaly.cases import Cases
from brainzoo_anomaly.study import (
    ALL,
    AUPRC_VOXELS,
    AUROC_IMAGES,
    AUROC_VOXELS,
    MEASURES,
    VALIDATION,
    Scored,
    groups_of,
)

Table = list[dict[str, Value]]


def chosen(scored: Sequence[Scored]) -> Scored:
    """Return the model's score that is best on validation subjects."""
    return max((s for s in scored if s.own), key=lambda s: s.validation)


def best_baseline(scored: Sequence[Scored], measure: str, group: str = ALL) -> Scored:
    """Return the baseline that is best on the test images: the model gets no head start."""
    return max((s for s in scored if not s.own), key=lambda s: s.value(measure, group))


def metrics(scored: Sequence[Scored], cases: Cases) -> list[MetricValue]:
    """Return the values of the model's chosen score, and how far it is above the baselines."""
    model, sick = chosen(scored), int((~cases.healthy).sum())
    found = []
    for measure, of in MEASURES.items():
        others = ", ".join(f"{s.name} {s.value(measure):.3f}" for s in scored if not s.own)
        detail = f"{model.name} (chosen on other subjects); baselines: {others}; {of}"
        n = len(cases) if "images" in measure else sick
        ends = model.interval(measure)
        found.append(MetricValue(measure, model.value(measure), n, *ends, detail=detail))
    for measure in (VALIDATION, AUPRC_VOXELS):
        rival = best_baseline(scored, measure)
        rounds = model.rounds[ALL, measure] - rival.rounds[ALL, measure]
        low, high = interval(rounds, people=model.people) or (None, None)
        name = f"{measure.partition(',')[0]} above the best baseline"
        detail = f"{measure}: {model.name} minus {rival.name}; below 0 the baseline wins"
        found.append(MetricValue(name, float(rounds[0]), sick, low, high, detail=detail))
    return found


def notes(scored: Sequence[Scored], cases: Cases, chosen_on: str, given: bool) -> list[str]:
    """Return what a reader must see first: whether a baseline wins, and on which lesions."""
    model = chosen(scored)
    lost = []
    for measure in (VALIDATION, AUPRC_VOXELS):
        rival = best_baseline(scored, measure)
        if rival.value(measure) >= model.value(measure):
            lost.append(
                f"{rival.name} reaches {rival.value(measure):.3f} ({measure}), the model's "
                f"{model.name} {model.value(measure):.3f}"
            )
    rival = best_baseline(scored, VALIDATION)
    wins = (
        f"The model's {model.name} finds more than every baseline: Dice "
        f"{model.value(VALIDATION):.3f} against {rival.value(VALIDATION):.3f} of {rival.name}, "
        "at thresholds from other subjects."
    )
    why = (
        f"Why: {rival.name} looks at brightness alone, and these lesions are brighter or darker "
        f"than healthy tissue; the model's {model.name} is high where healthy people differ, too, "
        f"in folds and at edges. Of healthy voxels {model.alarms:.1f} % lie above its threshold, "
        f"{rival.alarms:.1f} % above that of {rival.name}."
    )
    found = [wins]
    if lost:
        found = [f"A baseline wins: {'; '.join(lost)}. It needs no network.", why]
    by_kind = []
    for group in groups_of(cases):
        if group not in cases.kinds or group == "given":
            continue
        rival = best_baseline(scored, AUPRC_VOXELS, group)
        ahead = rival.value(AUPRC_VOXELS, group) >= model.value(AUPRC_VOXELS, group)
        by_kind.append(f"{group}: {rival.name if ahead else 'the model'}")
    if by_kind:
        found.append(f"Ahead by kind of lesion (AUPRC of voxels): {', '.join(by_kind)}.")
    real = " (of strokes, shapes and places are real)" if "stroke" in cases.kinds else ""
    found.append(
        "The given scans may also differ in scanner and age: then images differ in more than "
        "lesions."
        if given
        else f"The lesions are simulated{real}: how well real disease is found is not known."
    )
    return [*found, f"Thresholds and the model's score were chosen on {chosen_on}."]


def tables(scored: Sequence[Scored], cases: Cases) -> dict[str, Table]:
    """Return every score beside the others, and by kind and width of the lesions."""
    lesions: Table = []
    share = 100 * (cases.masks & cases.regions)[~cases.healthy].sum()
    share /= cases.regions[~cases.healthy].sum()
    for group, members in groups_of(cases).items():
        if group == ALL:
            continue
        for s in scored:
            row: dict[str, Value] = {"lesions": group, "score": s.name}
            row["images"] = int(members.sum())
            for measure in (VALIDATION, AUROC_VOXELS, AUPRC_VOXELS, AUROC_IMAGES):
                row |= _cells(s, measure, group)
            lesions.append(row)
    overall: Table = []
    for s in scored:
        row = {"score": s.name, "of": "model" if s.own else "baseline"}
        for measure in MEASURES:
            row |= _cells(s, measure, ALL)
        overall.append(row | {"false alarms, % of healthy voxels": s.alarms})
    return {
        "scores": overall,
        "scores by lesion": lesions,
        "chance": [{"measure": AUPRC_VOXELS, "lesion voxels, %": float(share)}],
    }


def _cells(scored: Scored, measure: str, group: str) -> dict[str, Value]:
    low, high = scored.interval(measure, group)
    return {measure: scored.value(measure, group), f"{measure}, low": low, f"{measure}, high": high}
