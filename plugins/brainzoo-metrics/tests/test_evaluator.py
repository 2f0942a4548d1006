"""What a user learns from the whole evaluation, on made-up heads."""

from pathlib import Path

import numpy as np
import pytest

from brainzoo import Evaluation, EvaluationSets, Images, MetricValue
from brainzoo.common.errors import BrainzooError, DataError
from brainzoo.testing import make_images
from brainzoo_metrics import anatomy, gaps
from brainzoo_metrics.config import MetricsConfig
from brainzoo_metrics.evaluator import Metrics

SHAPE = (32, 32)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Images:
    return make_images(tmp_path_factory.mktemp("real") / "x", spatial=SHAPE, subjects=60)


def evaluate(real: Images, synthetic: Images, config: MetricsConfig | None = None) -> Evaluation:
    sets = EvaluationSets(real.where(split="train"), real.where(split="test"), synthetic)
    return Metrics(config or MetricsConfig(features=False, pairs=60)).evaluate(sets)


def named(evaluation: Evaluation, name: str) -> MetricValue:
    return next(figure for figure in evaluation.metrics if figure.name == name)


def made(images: Images, pixels: np.ndarray, folder: Path) -> Images:
    """Return images with these pixels as if a generator had made them."""
    info = {k: v for k, v in images.info.items() if k != "fingerprint"} | {"synthetic": True}
    with Images.write(folder, images.spatial, info) as writer:
        writer.append(pixels, [{"class": None} for _ in pixels])
    return Images.open(folder)


@pytest.fixture(scope="module")
def collapsed(real: Images, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    one = np.repeat(real.where(split="test").floats([0]), 40, axis=0)
    noise = np.random.default_rng(0).normal(0, 0.002, one.shape)
    pixels = np.clip(one + noise, 0, 1).astype(np.float32)
    return evaluate(real, made(real, pixels, tmp_path_factory.mktemp("c") / "x"))


@pytest.fixture(scope="module")
def memoriser(real: Images, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    test = real.where(split="test")
    return evaluate(real, made(real, test.floats(), tmp_path_factory.mktemp("m") / "x"))


def test_a_collapsed_generator_shows(collapsed: Evaluation) -> None:
    likeness = named(collapsed, "MS-SSIM of pairs")
    assert likeness.floor is not None
    assert likeness.low is not None
    assert likeness.low > likeness.floor
    assert named(collapsed, "recall").value < 0.1
    coverage = named(collapsed, "coverage")
    assert coverage.value < coverage.floor / 2  # type: ignore[operator]
    above = named(collapsed, "SWD above floor")
    assert above.low is not None
    assert above.low > 0
    reached = named(collapsed, "subjects reached")
    assert reached.value < reached.floor  # type: ignore[operator]
    rows = collapsed.tables["coverage"]
    assert {row["reached"] for row in rows} == {"yes", "no"}
    assert rows[0]["reached"] == "no"  # whoever is farthest comes first


def test_copies_of_the_test_images_cover_everybody(memoriser: Evaluation) -> None:
    assert named(memoriser, "coverage").value == 1
    assert named(memoriser, "precision").value == 1
    assert named(memoriser, "subjects reached").value == 1
    assert named(memoriser, "intensity distance").value == 0
    assert named(memoriser, "ventricles |d|").value == 0
    assert named(memoriser, "SWD").value < named(memoriser, "SWD").floor  # type: ignore[operator]
    assert all(row["reached"] == "yes" for row in memoriser.tables["coverage"])


def test_every_figure_has_n_interval_and_says_how(memoriser: Evaluation) -> None:
    test = 24  # images of 12 subjects
    for figure in memoriser.metrics:
        assert figure.n == test
        assert figure.low is not None, figure.name
        assert figure.detail, figure.name
        assert figure.floor is not None or figure.name == "SWD above floor"
    assert {"coverage", "farthest", "intensities", "anatomy"} <= set(memoriser.pictures)


def test_small_n_is_said_and_so_is_the_lack_of_features(memoriser: Evaluation) -> None:
    notes = " ".join(memoriser.notes)
    assert "12 test subjects are few" in notes
    assert "n = 24 is below 2,000" in notes
    assert "FD and KID are not" in notes
    assert not any(f.name in ("FD", "KID") for f in memoriser.metrics)


def test_regions_count_subjects_and_flag_the_thin(memoriser: Evaluation) -> None:
    rows = [row for row in memoriser.tables["regions"] if row["kind"] == "age and sex"]
    assert sum(int(row["test subjects"] or 0) for row in rows) == 12
    assert sum(int(row["training subjects"] or 0) for row in rows) == 36
    assert all((row["thin"] == "thin") >= (int(row["training subjects"] or 0) < 5) for row in rows)
    assert {row["region"] for row in memoriser.tables["regions"] if row["kind"] == "class"} == {
        "young",
        "old",
    }


def test_random_features_give_distances_that_are_marked(real: Images, tmp_path: Path) -> None:
    synthetic = make_images(tmp_path / "s", spatial=SHAPE, subjects=15, seed=5, synthetic=True)
    config = MetricsConfig(extractor="random-squeezenet", pairs=60)
    found = evaluate(real, synthetic, config)
    for name in ("FD", "relative FD", "KID", "C2ST", "coverage"):
        assert "RANDOM WEIGHTS" in named(found, name).detail
    fd, relative = named(found, "FD"), named(found, "relative FD")
    assert fd.floor is not None
    assert relative.value == pytest.approx(fd.value / fd.floor)
    assert any("RANDOM WEIGHTS" in note for note in found.notes)


def test_a_named_file_of_weights_must_be_there(real: Images, tmp_path: Path) -> None:
    config = MetricsConfig(extractor="squeezenet", features_weights=tmp_path / "none.safetensors")
    with pytest.raises(BrainzooError, match=r"none\.safetensors") as found:
        Metrics(config).check()
    assert "--metrics.features-weights" in (found.value.hint or "")


def test_a_note_names_no_folder_of_this_machine(
    real: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Notes are published with a checkpoint; what is wrong with a file here is said on stderr."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    damaged = tmp_path / "hub" / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"damaged")
    test = real.where(split="test")
    found = evaluate(real, test, MetricsConfig(extractor="squeezenet", pairs=10))
    assert any("no features of squeezenet" in note for note in found.notes)
    assert not any(str(tmp_path) in note for note in found.notes)


def test_overlap_and_nan_are_refused(real: Images, tmp_path: Path) -> None:
    metrics = Metrics(MetricsConfig(features=False))
    train, test = real.where(split="train"), real.where(split="test")
    with pytest.raises(DataError, match="train and test"):
        metrics.evaluate(EvaluationSets(real, test, train))
    pixels = test.floats()
    pixels[0, 0, 0, 0] = np.nan
    broken = Images(pixels, [{} for _ in pixels], test.info)
    with pytest.raises(DataError, match="not finite"):
        metrics.evaluate(EvaluationSets(train, test, broken))


def test_anatomy_finds_larger_ventricles_in_the_old(tmp_path: Path) -> None:
    sizes = {}
    for name in ("young", "old"):
        images = make_images(tmp_path / name, spatial=(64, 64), subjects=20, classes=[name])
        white = anatomy.fit(images, 0)
        assert white is not None
        sizes[name] = anatomy.measure(images, white)["ventricles"].mean()
    assert sizes["old"] > 1.2 * sizes["young"]


def test_effect_size_has_its_closed_form() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 20_000), rng.normal(0.8, 1, 20_000)
    ones = np.ones((1, 20_000))
    assert anatomy.effect_draws(a, b, ones, ones)[0] == pytest.approx(0.8, abs=0.03)


def test_a_blank_image_has_no_anatomy() -> None:
    classes, ventricles = anatomy.segment(np.zeros((32, 32), np.float32), (6.0, 6.0), 0.8)
    assert not classes.any()
    assert not ventricles.any()


def test_coverage_tells_years_and_keeps_zeros() -> None:
    pixels = np.zeros((2, 1, 8, 8), np.float32)
    people = [{"subject": "a", "age": 38.78, "sex": "M"}, {"subject": "b", "age": 0.0}]
    rows = gaps.subject_rows(Images(pixels, people, {}), np.array([[0.5], [2.0]]))
    assert {row["subject"]: row["age"] for row in rows} == {"a": 38, "b": 0}


def test_reached_is_of_subjects_not_images() -> None:
    real = np.array([[0.0], [0.2], [10.0], [10.2], [20.0], [20.2]])
    subjects = ["a", "a", "b", "b", "c", "c"]
    far = gaps.farness(real, np.array([[0.1], [-40.0]]), subjects, 1)
    assert (far[:, 0] <= 1).tolist() == [True, True, False, False, False, False]
    ones = np.ones((1, 6)), np.ones((1, 2))
    assert gaps.reached_draws(far, subjects, *ones)[0] == pytest.approx(1 / 3)


def test_each_channel_has_values_of_its_own(tmp_path: Path) -> None:
    real = make_images(tmp_path / "real", spatial=SHAPE, subjects=40, channels=2)
    pixels = make_images(tmp_path / "more", spatial=SHAPE, subjects=40, channels=2, seed=1).floats()
    pixels[:, 1] = np.clip(pixels[:, 1] * 0.4, 0, 1)  # the second channel is far too dark
    info = {k: v for k, v in real.info.items() if k != "fingerprint"} | {"synthetic": True}
    synthetic = Images(pixels, [{"class": None} for _ in pixels], info)
    found = evaluate(real, synthetic)
    good, bad = (named(found, f"intensity distance {name}") for name in ("T1w", "T2w"))
    assert bad.value > 3 * good.value
    together = named(found, "intensity distance").value
    assert good.value < together < bad.value
    assert named(found, "SWD above floor T2w").value > named(found, "SWD above floor T1w").value
    assert named(found, "MS-SSIM of pairs T1w").n == named(found, "MS-SSIM of pairs").n
    alone = evaluate(real.of_channels(["T1w"]), synthetic.of_channels(["T1w"]))
    assert named(alone, "intensity distance").value == pytest.approx(good.value)
    assert not [figure.name for figure in alone.metrics if "T1w" in figure.name]
