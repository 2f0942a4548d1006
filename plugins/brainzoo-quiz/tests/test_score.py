"""The commands as a person uses them."""

import json
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from click.testing import CliRunner

from brainzoo.cli import main
from brainzoo.data.images import Images
from brainzoo_quiz.statistics.scoring import score, verdict
from brainzoo_quiz.statistics.trials import join
from brainzoo_quiz.study.key import Case, Key, Source

from .conftest import make_answers, make_key
from .serving import changed


def run(*words: object) -> tuple[int, str, str]:
    found = CliRunner().invoke(main, [str(word) for word in ("quiz", *words)])
    return found.exit_code, found.stdout, found.stderr


def mixed(share: float, seed: int) -> Callable[[Case], bool]:
    """Return a reader who is right on a share of the cases, and says the same on a repeat."""
    random = np.random.default_rng(seed)
    known: dict[str, bool] = {}
    return lambda case: known.setdefault(case.case, bool(random.random() < share))


def test_counts_are_those_of_the_answers_and_repeats_are_left_out():
    key = make_key(kind=6, repeated=4)
    wrong = {"c000", "c001", "c003"}  # one real, two created
    trials = join(key, [make_answers(key, right=lambda case: case.case not in wrong)])
    found = score(key, trials)
    (row,) = found["readers"]
    assert (row["tp"], row["fn"], row["fp"], row["tn"]) == (5, 1, 2, 4)
    assert row["balanced_accuracy"]["value"] == pytest.approx(0.75)
    assert row["auc"]["value"] == pytest.approx(0.75)
    assert row["repeats"] == {"n": 4, "same": 1.0, "kappa": 1.0}
    assert row["flags"] == []
    assert found["group"]["test"] == {}
    assert {i["case"]: i["fooled"] for i in found["images"][:3]} == {c: ["R1"] for c in wrong}
    assert {"reason": "blurred", "given": 3, "right": 0} in found["reasons"]
    assert verdict(found) == "There is no group to test: a group has two readers or more."


def test_readers_who_cannot_tell_are_equivalent_and_who_can_are_not():
    key = make_key(kind=60, repeated=0)
    names = [f"R{i}" for i in range(10)]

    def of(share):
        sessions = [make_answers(key, n, right=mixed(share, i)) for i, n in enumerate(names)]
        return verdict(score(key, join(key, sessions)))

    assert of(0.5).startswith("Readers cannot tell")
    assert of(0.8).startswith("Readers can tell")
    assert of(0.2).startswith("Readers see a difference, but take it for the opposite")


def test_flags(write_study):
    key = make_key(kind=10, repeated=0)
    inverted = make_answers(key, "inverted", right=lambda case: False)
    constant = make_answers(key, "constant", right=lambda case: case.truth == "real")
    hurried = make_answers(key, "hurried")
    answers = tuple(
        changed(a, timed_out=i % 2 == 0, answer=None if i == 0 else a.answer, lost_focus=1)
        for i, a in enumerate(hurried.answers)
    )
    hurried = changed(hurried, answers=answers)
    key_path, paths = write_study(key, [inverted, constant, hurried])
    code, out, _ = run("score", *paths, "--key", key_path)
    assert code == 0
    assert "! inverted: below chance" in out
    assert "! constant: always gave the same answer" in out
    assert "! hurried: time ran out on 10 of 20 images" in out
    assert "! hurried: no answer to 1 of 20 images" in out
    assert "! hurried: looked elsewhere during 20 of 20 images" in out
    assert "hurried left images without an answer" in out


def test_two_alternatives_have_a_smaller_d_prime():
    cases = tuple(Case(case=f"c{i}", truth=("first", "second")[i % 2]) for i in range(40))
    key = Key.new("pairs", cases, design="2afc")
    answers = make_answers(key)
    said = tuple(
        changed(a, answer=case.truth if i % 4 else {"first": "second"}.get(case.truth, "first"))
        for i, (a, case) in enumerate(zip(answers.answers, cases, strict=True))
    )
    found = score(key, join(key, [changed(answers, answers=said)]))
    (row,) = found["readers"]
    assert row["accuracy"]["value"] == pytest.approx(0.75)
    assert (row["tp"], row["fn"], row["fp"], row["tn"]) == (10, 10, 0, 20)


def test_the_paper_on_the_command_line(tmp_path):
    page = tmp_path / "paper.html"
    code, out, _ = run("score", "--paper", "kazuhiro2018", "--html", page)
    assert code == 0
    assert "percentages only" in out
    assert ".608 (.357 to .859)" in out
    assert "! NR2: below chance" in out
    assert ".418 to .684" in page.read_text(encoding="utf-8")
    code, _, errors = run("score", "--paper", "kazuhiro2018", "--html", page)
    assert code == 8
    assert "exists already" in errors


def test_a_study_as_json_tables_and_page(write_study, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 60000, (4, 1, 16, 16)).astype(np.uint16)
    table = [{"image_id": f"i{i}", "subject": f"s{i}"} for i in range(4)]
    images = Images(pixels, table, {"spacing_mm": [1.0, 1.0]}).save(tmp_path / "images")
    cases = tuple(
        Case(
            case=f"<c{i}>",
            truth=("real", "created")[i % 2],
            sources=(Source(images=images.fingerprint, row=i),),
        )
        for i in range(4)
    )
    key = Key.new("Study <1>", cases)
    readers = [make_answers(key, n, right=mixed(0.5, i)) for i, n in enumerate(["<b>A", "B", "C"])]
    key_path, paths = write_study(key, readers)
    files = [tmp_path / name for name in ("page.html", "all.csv", "imrmc.csv")]
    code, out, _ = run(
        *("score", *paths, "--key", key_path, "--images", tmp_path / "images", "--json"),
        *("--html", files[0], "--csv", files[1], "--imrmc", files[2]),
    )
    assert code == 0
    found = json.loads(out)["data"]
    assert len(found["readers"]) == 3
    assert "were not looked for" in found["beside"]["notes"][0]
    page = files[0].read_text(encoding="utf-8")
    fooled = [image for image in found["images"] if image["fooled"]]
    assert page.count("data:image/png") == len(fooled) > 0
    assert "<b>A" not in page
    assert "&lt;b&gt;A" in page
    assert len(files[1].read_text(encoding="utf-8").splitlines()) == 1 + 3 * 4
    rows = files[2].read_text(encoding="utf-8").splitlines()
    assert rows[0] == "readerID,caseID,modalityID,score"
    assert len(rows) == 1 + 4 + 3 * 4


def test_what_does_not_fit_is_one_line(write_study, tmp_path):
    key = make_key()
    key_path, paths = write_study(key, [make_answers(key)])
    code, _, errors = run("score", tmp_path / "none.json", "--key", key_path)
    assert (code, errors.count("\n")) == (3, 1)
    code, _, errors = run("score", *paths, *paths, "--key", key_path)
    assert (code, errors.count("\n")) == (9, 1)
    code, _, errors = run("score", key_path, "--key", key_path)
    assert code == 9
    assert "is not a brainzoo quiz answers file" in errors
    assert run("score", *paths)[0] == 2
    assert run("plan", "--reader-sd", "0.1")[0] == 2
    assert run("plan", "--reader-sd", "0.4", "--image-sd", "0.4")[0] == 2


def test_plan_prints_the_table():
    code, out, _ = run("plan", "--reader-sd", 0.05, "--image-sd", 0.1, "--json")
    assert code == 0
    plans = {row["readers"]: row for row in json.loads(out)["data"]["plans"]}
    assert [plans[n]["images"] for n in (3, 5, 8, 10, 15)] == [None, 198, 60, 44, 28]
    assert 0.8 <= plans[10]["power"] < 0.83
    assert "never" in run("plan", "--reader-sd", 0.19, "--image-sd", 0.1)[1]


def test_help_is_instant():
    code = (
        "import sys, brainzoo_quiz.plugin; "
        "sys.exit(any(m in sys.modules for m in ('numpy', 'scipy', 'brainzoo.cli.params')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
