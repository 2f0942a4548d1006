from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brainzoo import EvaluationSets
from brainzoo.common.errors import (
    BrainzooError,
    DataError,
    IntegrityError,
    NetworkError,
    OptionError,
    StoppedError,
    UnknownPluginError,
)
from brainzoo.data.images import Images
from brainzoo.evaluating.results import read_evaluation
from brainzoo.evaluating.running import EvaluatorsFailedError, check, evaluate
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.options import make_config
from brainzoo.plugin.part import Part
from brainzoo.runs import pipeline
from brainzoo.runs.settings import Settings, evaluator_names, expect_same_run, resolve
from brainzoo.testing.heads import make_images

from ..conftest import Install

Sets = dict[str, Any]


@pytest.fixture(autouse=True)
def judges(install: Install, tiny: Path) -> None:
    """Install the evaluators ``judge`` and ``other``."""
    install("brainzoo-judges", {"judges": "brainzoo_judges"})


@pytest.fixture
def sets(tmp_path: Path) -> Sets:
    real = make_images(tmp_path / "real", spatial=(16, 16), subjects=10)
    made = make_images(tmp_path / "made", spatial=(16, 16), subjects=9, seed=2, synthetic=True)
    train, test = (real.where(split=name) for name in ("train", "test"))
    return {"train": train, "test": test, "synthetic": made}


def part(name: str = "judge", **options: Any) -> Part:
    return Part(name, make_config(plugins().get("evaluator", name).config, options))


def figures(folder: Path) -> dict[str, Any]:
    return {
        name: found["metrics"][0]["value"]
        for name, found in read_evaluation(folder)["evaluators"].items()
    }


def test_everything_that_was_found_is_written(sets: Sets, tmp_path: Path) -> None:
    found = evaluate([part()], tmp_path / "e", EvaluationSets(**sets, seed=3))["evaluators"][
        "judge"
    ]
    assert json.loads((tmp_path / "e" / found["files"][0]).read_text()) == {"copies": 0}
    assert found["notes"] == ["Only greys are looked at."]
    assert found["seed"] == found["metrics"][1]["value"] == 3
    assert found["sets"]["test"]["subjects"] == len(sets["test"].subjects())
    assert found["sets"]["synthetic"]["images"] == 18


def test_one_that_fails_does_not_lose_the_others(
    sets: Sets, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = [part("judge", fail="data"), part("other")]
    with pytest.raises(EvaluatorsFailedError, match="judge: the test images are 3;") as caught:
        evaluate(parts, tmp_path, EvaluationSets(**sets))
    assert (caught.value.exit_code, caught.value.code) == (9, "data")
    assert caught.value.hint == "Add subjects."
    assert "judge failed; the other evaluators go on." in capsys.readouterr().err
    found = read_evaluation(tmp_path)
    assert list(found["evaluators"]) == ["other"]
    assert list(found["failed"]) == ["judge"]
    evaluate([part("judge")], tmp_path, EvaluationSets(**sets))
    assert "failed" not in read_evaluation(tmp_path)
    assert set(figures(tmp_path)) == {"judge", "other"}


def test_what_does_not_fit_the_generator_is_no_failed_measurement(
    sets: Sets, tmp_path: Path
) -> None:
    with pytest.raises(EvaluatorsFailedError, match="this generator will not do") as caught:
        evaluate([part("judge", fail="option")], tmp_path, EvaluationSets(**sets))
    assert caught.value.exit_code == 2
    assert "failed" not in read_evaluation(tmp_path)


def test_one_that_exits_does_not_stop_the_others(sets: Sets, tmp_path: Path) -> None:
    with pytest.raises(EvaluatorsFailedError, match="judge: unexpected SystemExit"):
        evaluate([part("judge", fail="exit"), part("other")], tmp_path, EvaluationSets(**sets))
    assert list(figures(tmp_path)) == ["other"]


def test_two_that_fail_are_both_named(sets: Sets, tmp_path: Path) -> None:
    parts = [part("judge", fail="crash"), part("other", fail="data")]
    with pytest.raises(EvaluatorsFailedError) as caught:
        evaluate(parts, tmp_path, EvaluationSets(**sets))
    assert str(caught.value).startswith("judge: unexpected RuntimeError: a wheel came off.")
    assert "other failed too." in caught.value.message
    assert caught.value.exit_code == 1


def test_of_several_those_that_do_not_fit_the_generator_are_left_out(
    sets: Sets, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate([part("judge"), part("picky")], tmp_path, EvaluationSets(**sets))
    assert list(figures(tmp_path)) == ["judge"]
    assert "picky is skipped: it needs a generator that reconstructs" in capsys.readouterr().err
    evaluate([part("picky")], tmp_path, EvaluationSets(**sets))
    assert list(figures(tmp_path)) == ["judge", "picky"], "alone, it says itself what it needs"


def test_of_several_those_that_need_classes_are_left_out_where_there_are_none(
    sets: Sets, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unsorted: Sets = {
        name: Images(
            images.read(), [{**row, "class": None} for row in images.table], {"dims": images.dims}
        )
        for name, images in sets.items()
    }
    parts = [part("judge"), part("sorter", fail="check")]
    check(parts, classes=False)
    evaluate(parts, tmp_path, EvaluationSets(**unsorted))
    assert list(figures(tmp_path)) == ["judge"]
    assert "sorter is skipped: it needs classes (--class)" in capsys.readouterr().err
    with pytest.raises(BrainzooError, match="sorter: the weights"):
        check(parts)


def test_classes_given_are_for_those_that_need_them(
    sets: Sets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import brainzoo_judges

    seen: dict[str, list[str]] = {}
    judge = brainzoo_judges.Judge.evaluate

    def look(self: Any, sets: EvaluationSets) -> Any:
        seen[type(self).__name__] = sets.test.classes
        return judge(self, sets)

    monkeypatch.setattr(brainzoo_judges.Judge, "evaluate", look)
    classes = {"low": "age < 45", "high": "age >= 45"}
    evaluate([part("judge")], tmp_path, EvaluationSets(**sets))
    evaluate([part("judge"), part("sorter")], tmp_path, EvaluationSets(**sets), classes=classes)
    assert seen == {"Judge": sets["test"].classes, "Sorter": ["low", "high"]}
    found = read_evaluation(tmp_path)["evaluators"]
    assert list(found) == ["judge", "sorter"], "what was measured before stays"
    assert found["sorter"]["notes"][0] == "Classes: low (age < 45), high (age >= 45)."
    seen.clear()
    evaluate([part("sorter")], tmp_path, EvaluationSets(**sets), classes=classes)
    assert not seen, "it was measured already"
    evaluate([part("sorter")], tmp_path, EvaluationSets(**sets))
    assert seen == {"Sorter": sets["test"].classes}, "other classes are another question"
    with pytest.raises(OptionError, match="need classes; found judge"):
        evaluate([part("judge")], tmp_path, EvaluationSets(**sets), classes=classes)


def test_the_same_request_is_not_measured_twice(
    sets: Sets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = evaluate([part()], tmp_path, EvaluationSets(**sets))
    monkeypatch.setattr("brainzoo_judges.Judge.evaluate", None)
    assert evaluate([part()], tmp_path, EvaluationSets(**sets)) == first


@pytest.mark.parametrize("what", ["options", "seed"])
def test_what_another_request_replaces_is_kept(sets: Sets, tmp_path: Path, what: str) -> None:
    evaluate([part()], tmp_path, EvaluationSets(**sets))
    first = read_evaluation(tmp_path)["evaluators"]["judge"]
    width = 0.5 if what == "options" else 0.01
    evaluate([part(half_width=width)], tmp_path, EvaluationSets(**sets, seed=int(what == "seed")))
    assert read_evaluation(tmp_path)["evaluators"]["judge"] != first
    kept = tmp_path / "evaluation" / "earlier" / "judge-001" / "found.json"
    assert json.loads(kept.read_text()) == first


def test_again_keeps_every_earlier_result(sets: Sets, tmp_path: Path) -> None:
    evaluate([part()], tmp_path, EvaluationSets(**sets))
    first = read_evaluation(tmp_path)["evaluators"]["judge"]
    for width in (0.5, 0.7):
        evaluate([part(half_width=width)], tmp_path, EvaluationSets(**sets), again=True)
    now = read_evaluation(tmp_path)["evaluators"]["judge"]
    assert now["options"]["half_width"] == 0.7
    earlier = tmp_path / "evaluation" / "earlier"
    assert json.loads((earlier / "judge-001" / "found.json").read_text()) == first
    kept = json.loads((earlier / "judge-002" / "found.json").read_text())
    assert kept["options"]["half_width"] == 0.5
    assert all((earlier / name / "verdict.json").is_file() for name in ("judge-001", "judge-002"))
    assert (tmp_path / "evaluation" / "judge" / "verdict.json").is_file()


def test_a_killed_evaluator_leaves_nothing_in_the_way(sets: Sets, tmp_path: Path) -> None:
    left = tmp_path / "evaluation" / "judge" / "half.png"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    found = evaluate([part()], tmp_path, EvaluationSets(**sets))["evaluators"]["judge"]
    assert sorted(p.name for p in left.parent.iterdir()) == ["verdict.json"]
    assert (tmp_path / found["files"][0]).is_file()


@pytest.mark.parametrize("content", ["{", "[]", '{"evaluators": 3}'])
def test_a_broken_file_is_said_and_kept(sets: Sets, tmp_path: Path, content: str) -> None:
    (tmp_path / "evaluation.json").write_text(content)
    with pytest.raises(IntegrityError, match=r"evaluation\.json"):
        evaluate([part()], tmp_path, EvaluationSets(**sets))
    assert (tmp_path / "evaluation.json").read_text() == content


def test_check_names_the_evaluator_and_keeps_the_exit_code() -> None:
    check([part()])
    with pytest.raises(Exception, match="other: the weights are missing") as caught:
        check([part(), part("other", fail="check")])
    assert getattr(caught.value, "exit_code", None) == NetworkError.exit_code


def test_all_stands_for_each_once_in_a_stable_order(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [spec.name for spec in plugins().specs("evaluator")]
    assert evaluator_names(plugins(), ["all"]) == sorted(names)
    assert evaluator_names(plugins(), ["other", "all", "judge"])[0] == "other"
    assert len(evaluator_names(plugins(), ["other", "all", "other"])) == len(names)
    monkeypatch.setattr(plugins(), "specs", lambda kind: [])
    with pytest.raises(UnknownPluginError, match="nstall"):
        evaluator_names(plugins(), ["all"])


Resolve = Callable[..., Settings]


@pytest.fixture
def settings(scans: Path) -> Resolve:
    """Return a function that resolves settings of a small run that is evaluated."""

    def make(**given: Any) -> Settings:
        values = {"data.root": scans, **{k.replace("__", "."): v for k, v in given.items()}}
        evaluators = ["judge", "other"]
        return resolve(plugins(), "tiny", "folder", values, preset="quick", evaluate=evaluators)

    return make


def test_what_would_fail_at_the_end_fails_before_anything_is_prepared(
    settings: Resolve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "prepare", None)
    with pytest.raises(Exception, match=r"judge: the weights.*Give --judge\.weights"):
        pipeline.run(settings(judge__fail="check"), tmp_path / "r", command="test")
    assert not (tmp_path / "r").exists()


def test_a_failure_at_the_end_costs_neither_run_nor_other_results(
    settings: Resolve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise DataError("no heads.")

    with monkeypatch.context() as patch:
        patch.setattr("brainzoo_judges.Judge.evaluate", fail)
        with pytest.raises(EvaluatorsFailedError, match=r"judge: no heads\. other failed too\."):
            pipeline.run(settings(), tmp_path / "r", command="test")
    assert (tmp_path / "r" / "export" / "nifti").is_dir()
    pipeline.run(settings(), tmp_path / "r", command="test", resume=True)
    assert set(figures(tmp_path / "r")) == {"judge", "other"}
    metrics = json.loads((tmp_path / "r" / "checkpoint" / "metrics.json").read_text())
    assert set(metrics["evaluators"]) == {"judge", "other"}


def test_resuming_measures_only_what_is_missing(
    settings: Resolve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("brainzoo_judges.OtherJudge.evaluate", stop, raising=False)
        with pytest.raises(StoppedError):
            pipeline.run(settings(), tmp_path / "r", command="test")
    assert set(figures(tmp_path / "r")) == {"judge"}
    before = read_evaluation(tmp_path / "r")["evaluators"]["judge"]
    pipeline.run(settings(), tmp_path / "r", command="test", resume=True)
    now = read_evaluation(tmp_path / "r")["evaluators"]
    assert set(now) == {"judge", "other"}
    assert now["judge"] == before, "measured before the stop, and kept"


def test_figures_of_images_that_are_no_more_are_set_aside(sets: Sets, tmp_path: Path) -> None:
    evaluate([part("judge"), part("other")], tmp_path, EvaluationSets(**sets))
    fewer = {**sets, "synthetic": sets["synthetic"][:9]}
    evaluate([part("judge")], tmp_path, EvaluationSets(**fewer))
    found = read_evaluation(tmp_path)["evaluators"]
    assert list(found) == ["judge"], "the other is of images that are gone"
    assert found["judge"]["sets"]["synthetic"]["images"] == 9
    earlier = tmp_path / "evaluation" / "earlier"
    assert sorted(p.name for p in earlier.iterdir()) == ["judge-001", "other-001"]


def test_published_figures_name_neither_subjects_nor_folders(
    settings: Resolve, tmp_path: Path
) -> None:
    weights = tmp_path / "jane" / "weights.safetensors"
    pipeline.run(settings(judge__weights=weights), tmp_path / "r", command="test")
    assert "sub-" in (tmp_path / "r" / "evaluation.json").read_text()
    published = (tmp_path / "r" / "checkpoint" / "metrics.json").read_text()
    assert "grey" in published
    assert "Only greys are looked at." in published
    assert "sub-" not in published
    assert "jane" not in published


def test_files_of_evaluators_are_found_from_any_folder(
    settings: Resolve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = settings(judge__weights="w.safetensors")
    assert made.evaluate[0].config.weights == tmp_path / "w.safetensors"


def test_resume_says_how_to_evaluate_more(settings: Resolve, scans: Path) -> None:
    fewer = resolve(plugins(), "tiny", "folder", {"data.root": scans}, preset="quick")
    with pytest.raises(Exception, match="Evaluate more with: brainzoo evaluate NAME RUN"):
        expect_same_run(fewer, settings())
