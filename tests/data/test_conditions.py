import json

import numpy as np
import pytest

from brainzoo.common.errors import DataError, IntegrityError, OptionError
from brainzoo.data.conditions import Conditions
from brainzoo.data.images import Images

PEOPLE = [(24.13, "F"), (24.13, "F"), (31.9, "M"), (68.2, "F"), (75.0, "M"), (75.4, "M")] * 3


def images(rows=None, classes=("young", "old")):
    if rows is None:
        rows = [
            {"subject": f"s{i}", "age": age, "sex": sex, "class": classes[age > 50]}
            for i, (age, sex) in enumerate(PEOPLE)
        ]
    pixels = np.zeros((len(rows), 1, 4, 4), np.uint8)
    return Images(pixels, rows, {"classes": list(classes)})


def again_of(stored):
    """Return conditions from the description that a checkpoint holds."""
    stored = json.loads(json.dumps(stored))
    columns = stored["columns"] or []
    classes = [level for c in columns if c["name"] == "class" for level in c["levels"]]
    return Conditions.of_checkpoint({"conditions": stored, "images": {"classes": classes}})


def test_encodes_class_and_sex_one_hot_and_age_standardised():
    conditions = Conditions.of(images())
    assert conditions.names == ["class", "age", "sex"]
    assert conditions.width == 2 + 2 + 2
    ages = np.array([24, 24, 32, 68, 75, 75])
    encoded = conditions.encode([{"class": "old", "age": 68, "sex": "M"}])
    expected = [[0, 1, (68 - ages.mean()) / ages.std(), 1, 0, 1]]
    assert encoded.dtype == np.float32
    assert np.allclose(encoded, expected)


def test_what_is_not_known_is_all_zeros():
    conditions = Conditions.of(images())
    empty, sexless = conditions.encode([{}, {"class": "old", "age": 70, "sex": None}])
    assert not empty.any()
    assert sexless[-2:].tolist() == [0, 0]
    assert sexless[1] == 1


def test_training_sees_ages_in_whole_years():
    known = Conditions.of(images()).rows_of(images().table)
    assert [row["age"] for row in known] == [24, 24, 32, 68, 75, 75] * 3
    assert [row["sex"] for row in known] == list("FFMFMM") * 3


def test_exact_ages_are_not_kept():
    assert "24.13" not in json.dumps(Conditions.of(images()).describe())


def test_what_is_published_is_the_mean_of_three_people_or_more():
    ages = [21, 22, 26, 33, 34, 41, 55, 90]
    rows = [
        {"subject": f"s{i}", "age": float(age), "sex": "F", "class": "any"}
        for i, age in enumerate(ages)
        for _ in range(7)
    ]
    rows += [{"subject": "m", "age": 77.0, "sex": "M", "class": "any"}] * 7
    people = images(rows, classes=("any",))
    conditions = Conditions.of(people)
    seen = {row["age"] for row in conditions.rows_of(people.table)}
    assert seen == {*map(float, ages), 77}, "training sees all"
    stored = conditions.describe()
    named = [dict(zip(conditions.names, row, strict=True)) for row in stored["rows"]]
    found = {(row["age"], row["sex"]): n for row, n in zip(named, stored["counts"], strict=True)}
    # 21 22 26 | 33 34 41 55 90, and of the one man only the decade.
    assert found == {(23, "F"): 21, (51, "F"): 35, (80, "M"): 7}
    assert {row["age"] for row in conditions.draw(500, seed=0)} == {23, 51, 80}
    age = next(column for column in conditions.columns if column.name == "age")
    assert (age.low, age.high) == (23, 80), "nor is the oldest person's age"


def test_several_scans_of_one_person_are_one_person():
    rows = [{"subject": "a", "age": float(age), "class": "x"} for age in (30, 31, 32, 33)]
    rows += [{"subject": name, "age": 60.0, "class": "x"} for name in "bc"]
    stored = Conditions.of(images(rows, classes=("x",))).describe()
    assert stored["rows"] == [["x", 41.0]], "30 to 33 are the ages of one person"


def test_draws_follow_the_training_rows_jointly():
    conditions = Conditions.of(images())
    drawn = conditions.draw(3000, seed=1)
    counts = [sum(row == kept for row in drawn) / 3000 for kept in conditions.rows]
    assert np.allclose(counts, conditions.counts / 18, atol=0.03)
    assert drawn[:10] == conditions.draw(10, seed=1)
    assert drawn[5:10] == conditions.draw(5, seed=1, start=5)
    assert drawn[:10] != conditions.draw(10, seed=2)


def test_what_is_not_asked_for_is_drawn_to_fit():
    conditions = Conditions.of(images())
    old = conditions.draw(200, seed=0, condition={"class": "old"})
    assert {row["class"] for row in old} == {"old"}
    assert {row["age"] for row in old} == {68, 75}
    young = conditions.draw(200, seed=0, condition={"age": 25})
    assert {row["age"] for row in young} == {25}
    assert {row["class"] for row in young} == {"young"}, "nobody of about 25 was old"
    assert [row["sex"] for row in young].count("F") > 100, "most of about 25 were female"


def test_ages_that_training_did_not_see_are_warned_of_once_and_refused_far_outside(capsys):
    conditions = Conditions.of(images())
    low, high = conditions.columns[1].low, conditions.columns[1].high
    for _ in range(2):
        conditions.check({"age": high + 1})
    assert capsys.readouterr().err.count(f"trained on {low:g} to {high:g}") == 1
    with pytest.raises(OptionError, match=f"trained on {low:g} to {high:g}"):
        conditions.check({"age": high + 100})


def test_a_combination_that_nobody_had_is_made_all_the_same():
    rows = Conditions.of(images()).draw(3, seed=0, condition={"class": "young", "age": 90.0})
    assert [(row["class"], row["age"]) for row in rows] == [("young", 90)] * 3


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"site": "HH"}, "no condition 'site': its conditions are class, age, sex"),
        ({"class": "odl"}, "no class 'odl'. Did you mean 'old'"),
        ({"sex": "female"}, "no sex 'female'. Known: F, M"),
        ({"age": "old"}, "age is 'old'; expected a number"),
        ({"age": float("nan")}, "expected a number"),
    ],
)
def test_conditions_that_the_model_does_not_know(condition, message):
    with pytest.raises(OptionError, match=message.replace(".", r"\.")):
        Conditions.of(images()).draw(1, seed=0, condition=condition)


def test_without_classes_and_covariates_there_are_no_conditions():
    rows = [{"subject": "a"}, {"subject": "b"}]
    conditions = Conditions.of(images(rows, classes=()))
    assert conditions.width == 0
    assert conditions.draw(2, seed=0) == [{}, {}]
    assert conditions.encode([{}, {}]).shape == (2, 0)
    with pytest.raises(OptionError, match="trained without classes and covariates"):
        conditions.draw(1, seed=0, condition={"class": "old"})
    again = again_of(conditions.describe())
    assert again.draw(2, seed=0) == [{}, {}]


def test_covariates_that_tell_nothing_are_left_out(capsys):
    rows = [{"subject": "a", "age": 30.0, "sex": "F"}, {"subject": "b", "age": 40.0, "sex": "F"}]
    assert Conditions.of(images(rows, classes=())).names == ["age"]
    assert "sex is the same for all images" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("covariates", "message"),
    [(("subject",), "cannot be a covariate"), (("agee",), "no column 'agee'.*mean 'age'")],
)
def test_columns_that_cannot_be_covariates(covariates, message):
    with pytest.raises(OptionError, match=message):
        Conditions.of(images(), covariates)


def test_a_text_of_too_many_values_is_no_category():
    rows = [{"subject": "a", "note": f"text {i}"} for i in range(60)]
    with pytest.raises(OptionError, match="60 different texts"):
        Conditions.of(images(rows, classes=()), ("note",))


def test_images_without_a_class_among_others():
    rows = [{"class": "young"}, {"class": None}]
    with pytest.raises(DataError, match="1 of 2 images are in no class"):
        Conditions.of(images(rows))


def test_a_description_survives_json():
    conditions = Conditions.of(images())
    again = again_of(conditions.describe())
    assert again.draw(20, seed=3) == conditions.draw(20, seed=3)
    rows = conditions.draw(20, seed=3)
    assert np.array_equal(again.encode(rows), conditions.encode(rows))


@pytest.mark.parametrize(
    "change",
    [
        {"columns": None},
        {"counts": []},
        {"counts": [-1, 1, 1, 1]},
        {"rows": [["old", 3, "X"]] * 4},
        {"columns": [{"name": "age", "levels": [], "std": 0.0}], "rows": [[1.0]] * 4},
        {"rows": []},
    ],
)
def test_damaged_descriptions_are_refused(change):
    stored = Conditions.of(images()).describe() | change
    with pytest.raises(IntegrityError, match="conditions are damaged"):
        again_of(stored)


@pytest.mark.parametrize("classes", [[], ["young"], ["old", "young"]])
def test_a_checkpoint_whose_conditions_know_other_classes_than_its_images_is_refused(classes):
    made = images()
    stored = {"conditions": Conditions.of(made).describe(), "images": {"classes": made.classes}}
    stored = json.loads(json.dumps(stored))
    assert Conditions.of_checkpoint(stored).names == Conditions.of(made).names
    stored["images"]["classes"] = classes
    with pytest.raises(IntegrityError, match="classes"):
        Conditions.of_checkpoint(stored)
