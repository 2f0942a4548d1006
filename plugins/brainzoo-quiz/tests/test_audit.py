"""The adversary: only the anatomy distinguishes kinds prepared alike, and leaks are caught."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from brainzoo import checkpoint as checkpoints
from brainzoo.common.errors import DataError, IntegrityError
from brainzoo.data.images import Images
from brainzoo_quiz.audit import chain
from brainzoo_quiz.audit.chain import chain_of, expect_same_chain
from brainzoo_quiz.audit.features import CHANNELS, features
from brainzoo_quiz.audit.pixels import audit, expect_no_leak, leaks
from brainzoo_quiz.audit.separation import separate
from brainzoo_quiz.audit.writer import canonical, head_mask
from brainzoo_quiz.study.key import Key
from brainzoo_quiz.study.package import read_package

from . import pools


def findings(found: dict[str, Any]) -> set[str]:
    return {row["finding"] for row in found["channels"]}


UNKNOWN = {"alike": "unknown", "why": "Nobody knows."}


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> tuple[Images, Images]:
    """400 real and 400 created images, prepared alike."""
    folder = tmp_path_factory.mktemp("alike")
    return pools.pool(folder / "real", 400), pools.pool(folder / "created", 400, created=True)


@pytest.fixture(scope="module")
def found_alike(alike) -> dict[str, Any]:
    return audit(*alike, UNKNOWN)


def test_images_prepared_alike_are_at_chance(found_alike):
    found = found_alike
    assert leaks(found) == []
    expect_no_leak(found)
    assert 0.4 < found["classifier"]["after"]["auc"] < 0.6
    assert findings(found) == {"none"}
    assert not any("may miss" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("spoil", "channel", "removed"),
    [
        (pools.jpeg, "JPEG blocks", False),
        (pools.resampled, "frequencies", False),
        (pools.noise_background, "zeros", True),
        (pools.darker, "grey levels", True),
    ],
)
def test_a_planted_leak_is_caught_and_named(alike, spoil, channel, removed):
    """What the writer removes is refused, too: it shows that both kinds came different ways."""
    real, created = alike
    found = audit(real[:120], pools.spoiled(created[:120], spoil), UNKNOWN)
    with pytest.raises(DataError, match=r"^leak: ") as caught:
        expect_no_leak(found)
    assert caught.value.exit_code == 9
    assert "\n" not in str(caught.value)
    assert "AUC" in caught.value.message
    assert "--vouch" in caught.value.hint
    assert any(leak.startswith(channel) for leak in leaks(found))
    assert found["classifier"]["before"]["auc"] > 0.9
    assert (min(row["after"]["p"] for row in found["channels"]) > 0.01) == removed
    assert (found["classifier"]["after"]["auc"] < 0.65) == removed


def test_other_sizes_are_refused(alike, tmp_path):
    real, _ = alike
    created = pools.pool(tmp_path / "larger", 8, created=True, spatial=(40, 40))
    with pytest.raises(DataError, match=r"leak: size of real images is \[32, 32\], of created"):
        expect_same_chain(real, created)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"plane": "coronal"}, "plane of real images is axial"),
        ({"spacing_mm": [1.0, 1.0]}, "spacing_mm"),
        ({"preparation": {"size": 64}}, r"preparation \(size\) of real images is 32"),
        ({"source": {"name": "elsewhere"}}, "dataset of real images is made-up heads"),
        ({"synthetic": False}, "the created images are real"),
    ],
)
def test_another_way_of_preparing_is_refused(alike, change, said):
    real, created = alike
    other = Images(created._pixels, created.table, {**created.info, **change})
    with pytest.raises(DataError, match=said):
        expect_same_chain(real, other)


def test_eight_bits_on_one_side_are_rounded_away_on_both(alike):
    real, created = alike
    shallow = np.rint(created[:150].floats() * 255).astype(np.uint8)
    found = audit(real[:150], Images(shallow, created.table[:150], created.info), UNKNOWN)
    assert leaks(found) == []


class Generator:
    """Makes the images that it was given; a model's own artefacts are in them."""

    folder = Path()

    def __init__(self, images: Images) -> None:
        self.pixels = images.floats()

    def sample(self, n, *, seed, condition, batch_size):
        assert n == len(self.pixels)
        yield self.pixels[:batch_size]


@pytest.fixture
def sharp(alike, tmp_path, monkeypatch) -> tuple[Images, Images, Path]:
    """Real images, those of a generator that sharpens, and its checkpoint."""
    made = pools.spoiled(alike[1][:80], pools.sharper).save(tmp_path / "samples")
    learnt_from = alike[0].where(split="train").subjects()
    config = {
        "weights": {"sha256": made.info["checkpoint_sha256"]},
        "trained_on": {
            "salt": "salt",
            "subjects_sha256": [
                hashlib.sha256(f"salt{name}".encode()).hexdigest() for name in learnt_from
            ],
        },
    }
    monkeypatch.setattr(checkpoints, "read_config", lambda folder: config)
    monkeypatch.setattr(chain, "load", lambda address: Generator(made))
    return alike[0].where(split="test"), made, tmp_path / "checkpoint"


def test_what_the_generator_does_is_its_own_fault_and_no_leak(sharp):
    real, made, checkpoint = sharp
    way = chain_of(real, made, checkpoint)
    assert way["alike"] == "verified"
    found = audit(real, made, way)
    assert found["classifier"]["after"]["auc"] > 0.9
    assert leaks(found) == []
    assert "the model's" in findings(found)
    assert any("it is the model's, and readers may see it" in note for note in found["notes"])


def test_what_was_done_after_the_generator_is_a_leak(sharp, tmp_path):
    real, made, checkpoint = sharp
    compressed = pools.spoiled(made, pools.jpeg).save(tmp_path / "compressed")
    way = chain_of(real, compressed, checkpoint)
    assert way["alike"] == "unknown"
    assert "they were changed after the generator" in way["why"]
    assert leaks(audit(real, compressed, way))
    vouched = chain_of(real, compressed, checkpoint, "Nothing was done.")
    assert [leak.split(" (")[0] for leak in leaks(audit(real, compressed, vouched))] == [
        "JPEG blocks as written",
        "JPEG blocks before the writer",
    ]


def test_people_that_the_generator_learnt_from_are_not_shown(alike, sharp):
    _, made, checkpoint = sharp
    with pytest.raises(DataError, match="240 of the 400 people"):
        chain_of(alike[0], made, checkpoint)


def test_a_generator_that_learnt_elsewhere_proves_nothing(sharp, tmp_path):
    _, made, checkpoint = sharp
    others = pools.pool(tmp_path / "others", 20)
    way = chain_of(others.where(split="test"), made, checkpoint)
    assert way["alike"] == "unknown"
    assert "learnt from other images than those beside the real ones" in way["why"]


def test_without_the_generator_nobody_knows_unless_the_owner_vouches(sharp):
    real, made, _ = sharp
    assert chain_of(real, made)["alike"] == "unknown"
    way = chain_of(real, made, vouched="I watched.")
    assert way["alike"] == "vouched"
    assert "I watched." in way["why"]
    assert leaks(audit(real, made, way)) == []


def test_a_folder_that_was_changed_is_damaged(sharp):
    real, made, checkpoint = sharp
    with (made.folder / "pixels.npy").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x07")
    with pytest.raises(IntegrityError, match="does not match its fingerprint"):
        chain_of(real, Images.open(made.folder), checkpoint)


def test_two_slices_of_a_head_are_not_two_pieces_of_evidence():
    """Few subjects with many images each must not look like a difference."""
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(60):
        heads = np.repeat(random.normal(size=(12, 6)), 15, axis=0)
        real = heads + 0.3 * random.normal(size=heads.shape)
        created = random.normal(0, (1 + 0.3**2) ** 0.5, size=(100, 6))
        subjects = [str(i // 15) for i in range(len(real))]
        each, together = separate(real, created, subjects)
        hits += min(test["p"] for test in (*each, together)) < 0.02
    assert hits <= 6


def test_too_few_images_are_said(alike):
    real, created = alike
    found = audit(real[:20], created[:20], UNKNOWN)
    assert any("with fewer than 400 of either it may miss small leaks" in n for n in found["notes"])
    with pytest.raises(DataError, match="needs 8 of either"):
        audit(real[:3], created, UNKNOWN)


def test_features_are_those_described(alike):
    image = canonical(alike[0].floats([0])[0, 0])
    found = features(image)
    assert list(found) == list(CHANNELS)
    assert found["zeros"] == (image == 0).mean()
    assert features(np.repeat(image[:, :, None], 4, axis=2))["grey levels"] == len(np.unique(image))


def test_the_writer_keeps_the_head_and_nothing_else(alike):
    image = alike[0].floats([3])[0, 0]
    noisy = pools.noise_background(image, np.random.default_rng(0)).astype(np.float32)
    mask = head_mask(noisy)
    assert mask[16, 16]
    assert not mask[0].any()
    assert (canonical(noisy)[image == 0] == 0).all()
    assert canonical(noisy).max() == 255
    with pytest.raises(DataError, match="no contrast"):
        canonical(np.zeros((16, 16), np.float32))


def test_an_adversary_with_the_study_folder_learns_nothing(alike, tmp_path):
    """Sizes, times, names, places in every list, trivial features: all at chance on 720 images."""
    pools.study(tmp_path / "study", *alike, images=720, practice=0, readers=2)
    package, key = read_package(tmp_path / "study"), Key.read(tmp_path / "study" / "key.json")
    created = {case.case: case.truth == "created" for case in key.cases}
    places = [{p.case: i for i, p in enumerate(seat.order)} for seat in package.seats]
    rows = []
    for at, case in enumerate(package.cases):
        path = tmp_path / "study" / "server" / "images" / f"{case.images[0]}.raw"
        status = path.stat()
        image = np.frombuffer(path.read_bytes(), np.uint8).reshape(package.image.shape)
        token = package.seats[0].order[places[0][case.case]].token
        container = [status.st_size, status.st_mtime_ns, status.st_ino, status.st_mode, at]
        names = [int(name, 16) / 2**128 for name in (case.images[0], token)]
        rows.append(
            [*container, *names, *(p[case.case] for p in places), *features(image).values()]
        )
    values = np.array(rows, dtype=float) - rows[0]
    label = np.array([created[case.case] for case in package.cases])
    assert 300 < label.sum() < 420
    each = [roc_auc_score(label, column) for column in values.T]
    assert max(abs(value - 0.5) for value in each) < 0.1  # over four standard errors
    subjects = [str(i) for i in range((~label).sum())]
    _, together = separate(values[~label], values[label], subjects)
    assert abs(together["auc"] - 0.5) < 0.1


def test_a_refused_study_leaves_nothing(alike, tmp_path):
    real, created = alike
    with pytest.raises(DataError, match="leak: "):
        pools.study(tmp_path / "study", real[:100], pools.spoiled(created[:100], pools.jpeg))
    assert list(tmp_path.iterdir()) == []


def test_what_was_audited_is_kept(alike, tmp_path):
    pools.study(tmp_path / "study", *(images[:60] for images in alike), vouch="I know.")
    content = json.loads((tmp_path / "study" / "audit.json").read_text())
    assert content["pixels"]["pool"] == {"real": 60, "created": 60, "subjects": 60}
    assert [row["channel"] for row in content["pixels"]["channels"]] == list(CHANNELS)
    assert "I know." in content["pixels"]["chain"]["why"]
