"""The simulated population as its users meet it."""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion

from brainzoo.common.errors import NotFoundError
from brainzoo.preparation.prepare import PrepareConfig, prepare
from brainzoo.testing import DatasetContract
from brainzoo_atlas import dataset as module
from brainzoo_atlas.config import AtlasConfig
from brainzoo_atlas.dataset import Atlas, SimulatedScan
from brainzoo_atlas.template import template_path

CHEAP = {"subjects": 4, "voxel_mm": 4.0}


class TestContract(DatasetContract):
    name = "atlas"
    options = CHEAP


class TestContractOfChannelsAndLabels(DatasetContract):
    name = "atlas"
    options: ClassVar = {**CHEAP, "channels": ("T1w", "T2w"), "tissues": True, "lesions": 1.0}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "atlas"


def scans(**options: object) -> list[SimulatedScan]:
    return list(Atlas(AtlasConfig(**{**CHEAP, **options})).scans())  # type: ignore[arg-type]


def test_the_same_seed_makes_the_same_volume(cache: Path) -> None:
    first = scans()[1]().data
    (cache / f"{scans()[1].key}.npz").unlink()
    np.testing.assert_array_equal(scans()[1]().data, first)


def test_more_subjects_leave_the_first_as_they_are() -> None:
    few, many = scans(subjects=3), scans(subjects=9)
    assert [scan.key for scan in few] == [scan.key for scan in many[:3]]
    assert [scan.person for scan in few] == [scan.person for scan in many[:3]]


def test_another_seed_is_another_population() -> None:
    ours, theirs = scans(seed=0), scans(seed=1)
    assert [scan.person.age for scan in ours] != [scan.person.age for scan in theirs]
    assert not {scan.key for scan in ours} & {scan.key for scan in theirs}


def test_no_two_subjects_are_alike() -> None:
    volumes = [scan().data.astype(float).ravel() for scan in scans(subjects=6)]
    correlation = np.corrcoef(volumes)[np.triu_indices(6, 1)]
    assert correlation.max() < 0.97
    assert correlation.min() > 0.5, "all are heads in about the same place"


def test_the_population_has_both_sexes_and_all_ages() -> None:
    people = [scan.person for scan in scans(subjects=200)]
    ages = np.array([who.age for who in people])
    assert 18 <= ages.min() < 25
    assert 78 < ages.max() <= 85
    assert 70 < sum(who.sex == "F" for who in people) < 130


def test_men_have_larger_heads_on_average() -> None:
    volume_ml: dict[str, list[float]] = {"F": [], "M": []}
    for scan in scans(subjects=24, skull=False):
        image = scan()
        volume_ml[scan.person.sex].append(float((image.data > 20).sum() * 4**3 / 1000))
    assert np.mean(volume_ml["M"]) > 1.03 * np.mean(volume_ml["F"])
    assert 1100 < np.mean(volume_ml["F"] + volume_ml["M"]) < 1800


def test_ventricles_grow_with_age() -> None:
    ages, dark_ml = [], []
    for scan in scans(subjects=24, skull=False):
        image = scan()
        x, y, z = scan.grid.axes_mm()
        middle = (np.abs(x) < 30) & (np.abs(y + 15) < 45) & (np.abs(z - 15) < 18)
        dark = (image.data < 0.5 * np.percentile(image.data[middle], 90)) & middle
        ages.append(scan.person.age)
        dark_ml.append(dark.sum() * 4**3 / 1000)
    assert np.corrcoef(ages, dark_ml)[0, 1] > 0.4
    old, young = np.array(ages) > 60, np.array(ages) < 40
    assert np.mean(np.array(dark_ml)[old]) > 1.2 * np.mean(np.array(dark_ml)[young])


def test_heads_have_a_skull_unless_told_not_to() -> None:
    head, brain = scans()[0]().data, scans(skull=False)[0]().data
    assert (brain == 0).mean() > (head < 10).mean() + 0.1
    inside = binary_erosion(brain > 60, iterations=2)
    assert inside.sum() > 1000
    assert np.abs(head[inside] - brain[inside]).max() == 0, "the brain itself is the same"


def test_volumes_are_in_ras_millimetres_around_the_origin() -> None:
    volume = scans(voxel_mm=3.0)[0]()
    np.testing.assert_array_equal(np.diag(volume.affine), [3, 3, 3, 1])
    bright = np.argwhere(volume.data > 75)
    centre_mm = volume.affine[:3, :3] @ bright.mean(0) + volume.affine[:3, 3]
    assert np.abs(centre_mm).max() < 45


def test_lesions_are_where_the_mask_says_and_nowhere_else() -> None:
    sick, well = scans(lesions=1.0, voxel_mm=2.0)[0], scans(lesions=0.0, voxel_mm=2.0)[0]
    image, mask = sick.with_lesions()
    without = well().data
    assert sick.person.lesions >= 3
    inside = mask.data == 1
    assert 0.05 < inside.sum() * 2**3 / 1000 < 60, "millilitres of lesion"
    np.testing.assert_array_equal(mask.affine, image.affine)
    assert image.data[inside].mean() < 0.85 * without[inside].mean(), "dark on T1"
    far = ~binary_dilation(inside, iterations=2)
    np.testing.assert_array_equal(image.data[far], without[far])
    assert not well.with_lesions()[1].data.any()


def test_the_share_of_subjects_with_lesions_is_the_one_asked_for() -> None:
    config = AtlasConfig(subjects=400, lesions=0.25)
    found = [subject.covariates["lesions"] for subject in Atlas(config).subjects()]
    assert 70 < sum(bool(count) for count in found) < 130
    assert "lesions" not in next(Atlas(AtlasConfig(subjects=1)).subjects()).covariates


def test_t1_and_t2_show_the_same_head_with_the_contrasts_the_other_way_round() -> None:
    config = AtlasConfig(subjects=1, voxel_mm=2.0, channels=("T1w", "T2w"), tissues=True)
    (subject,) = Atlas(config).subjects()
    t1, t2 = (source().data for source in subject.images.values())  # type: ignore[operator]
    tissues = subject.labels().data  # type: ignore[union-attr,operator]
    assert t1.shape == t2.shape == tissues.shape
    of_t1, of_t2 = ([image[tissues == i].mean() for i in (1, 2, 3)] for image in (t1, t2))
    assert of_t1 == sorted(of_t1), "T1: fluid is dark, white matter bright"
    assert of_t2 == sorted(of_t2, reverse=True), "T2: fluid is bright, white matter dark"
    air = (t1 < 8) & (tissues == 0)
    assert t2[air].mean() < 8, "air is black in both"


def test_label_maps_are_the_tissues_and_lesions_of_the_head() -> None:
    assert Atlas(AtlasConfig()).label_names == {}
    options = {**CHEAP, "lesions": 1.0, "tissues": True, "voxel_mm": 2.0}
    atlas = Atlas(AtlasConfig(**options))  # type: ignore[arg-type]
    assert atlas.label_names == {1: "CSF", 2: "GM", 3: "WM", 4: "lesion"}
    tissues = next(atlas.subjects()).labels().data  # type: ignore[union-attr,operator]
    _, mask = next(atlas.scans()).with_lesions()
    np.testing.assert_array_equal(tissues == 4, mask.data == 1)
    litres = {value: (tissues == value).sum() * 2**3 / 1e6 for value in (1, 2, 3)}
    assert 0.4 < litres[2] < 1.0
    assert 0.3 < litres[3] < 0.8
    assert 0.05 < litres[1] < 0.6


def test_more_channels_leave_the_first_as_it_is() -> None:
    alone = next(Atlas(AtlasConfig(**CHEAP)).subjects())  # type: ignore[arg-type]
    both = next(Atlas(AtlasConfig(**CHEAP, channels=("T2w", "T1w"))).subjects())  # type: ignore[arg-type]
    assert list(both.images) == ["T2w", "T1w"]
    t2 = both.images["T2w"]().data  # type: ignore[operator]
    t1 = both.images["T1w"]().data  # type: ignore[operator]
    np.testing.assert_array_equal(t1, alone.source().data)  # type: ignore[operator]
    assert np.corrcoef(t1.ravel(), t2.ravel())[0, 1] < 0.9


def test_a_made_volume_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    scan = scans(lesions=1.0)[0]
    image, mask = scan.with_lesions()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(module, "make_anatomy", refuse)
    again, mask_again = scan.with_lesions()
    np.testing.assert_array_equal(again.data, image.data)
    np.testing.assert_array_equal(mask_again.data, mask.data)


def test_a_damaged_cache_file_is_made_again(cache: Path) -> None:
    scan = scans()[0]
    image = scan()
    path = cache / f"{scan.key}.npz"
    path.write_bytes(path.read_bytes()[:1000])
    np.testing.assert_array_equal(scan().data, image.data)
    assert [file.name for file in cache.iterdir()] == [path.name], "no part files are left"


def test_a_source_works_after_a_journey_to_another_process() -> None:
    subject = next(Atlas(AtlasConfig(**CHEAP)).subjects())  # type: ignore[arg-type]
    sent = pickle.loads(pickle.dumps(subject))
    assert sent.source.key == subject.key
    np.testing.assert_array_equal(sent.source().data, subject.source().data)  # type: ignore[operator]


def test_it_says_everywhere_that_it_is_simulated() -> None:
    subject = next(Atlas(AtlasConfig()).subjects())
    assert Atlas.simulated
    assert "simulated" in Atlas.license
    assert subject.id.startswith("simulated-")
    assert subject.covariates["site"] == "simulated"


def test_without_nilearn_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(NotFoundError, match="pip install --upgrade nilearn"):
        template_path()


def test_preparing_makes_images_with_classes(tmp_path: Path) -> None:
    images = prepare(
        Atlas(AtlasConfig(subjects=8, voxel_mm=4.0)),
        PrepareConfig(size=32),
        name="atlas",
        classes={"young": "age < 45", "old": "age > 55"},
        out=tmp_path / "images",
        workers=1,
        quiet=True,
    )
    assert len(images) >= 8
    assert images.info["source"]["simulated"] is True
    assert set(images.info["classes"]) == {"young", "old"}
