"""Scans with lesions that the user brings."""

import nibabel
import numpy as np
import pytest

from brainzoo.common.errors import DataError, NotFoundError, OptionError
from brainzoo.data.subjects import Subject
from brainzoo.plugin.interfaces import Dataset
from brainzoo.preparation.config import PrepareConfig
from brainzoo.preparation.prepare import prepare
from brainzoo.testing.heads import make_images, make_volume
from brainzoo_anomaly.config import AnomalyConfig
from brainzoo_anomaly.evaluator import Anomaly
from brainzoo_anomaly.scans import scan_cases


class Heads(Dataset):
    def subjects(self):
        for n in range(10):
            yield Subject(f"{n}", {"T1w": lambda n=n: make_volume(seed=100 + n)}, key=f"{n}")


@pytest.fixture(scope="module", params=[2, 3])
def prepared(request, tmp_path_factory):
    """Images that tell how they were prepared."""
    size = 32 if request.param == 2 else 16
    config = PrepareConfig(dims=request.param, size=size, slices=8, split_seed=1)
    out = tmp_path_factory.mktemp("prepared") / "images"
    return prepare(Heads(None), config, name="heads", out=out, workers=1, quiet=True)


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(data, np.diag([6.0, 6.0, 6.0, 1.0])), path)


@pytest.fixture
def brats(tmp_path):
    """Folders as of BraTS: whole heads with a bright ball, and its mask."""
    for number in range(4):
        data = np.asarray(make_volume(seed=number).data, np.float32)
        grid = np.stack(np.meshgrid(*map(np.arange, data.shape), indexing="ij"))
        middle = (np.array(data.shape) / 2 + [3, 2, 2]).reshape(3, 1, 1, 1)
        ball = np.sqrt(((grid - middle) ** 2).sum(0)) < 4
        data[ball] = 950
        name = f"Person_{number}"
        write(tmp_path / name / f"{name}_t1.nii.gz", data)
        write(tmp_path / name / f"{name}_flair.nii.gz", data)
        write(tmp_path / name / f"{name}_seg.nii.gz", ball.astype(np.uint8) * 4)
    return tmp_path


def test_scans_and_masks_are_prepared_alike(prepared, brats):
    config = AnomalyConfig(scans=brats)
    cases = scan_cases(config, prepared)
    assert set(cases.kinds) == {"given"}
    assert len(set(cases.subjects)) == 4
    assert cases.pixels.shape[2:] == prepared.spatial
    assert (cases.masks.reshape(len(cases), -1).sum(1) > 0).all()
    assert set(cases.widths) <= set(config.widths)
    inside = cases.pixels[:, 0][cases.masks].mean()
    outside = cases.pixels[:, 0][cases.regions & ~cases.masks].mean()
    assert inside > outside + 0.2, "the masks do not lie where the lesions are"


def test_folders_without_masks_are_refused_before_any_training(brats, tmp_path):
    Anomaly(AnomalyConfig(scans=brats)).check()
    for options, error, message in (
        ({"scans": tmp_path / "none"}, NotFoundError, "no folder"),
        ({"scans": brats, "masks_pattern": "*lesion*"}, DataError, "holds no masks: 12 NIfTI"),
        ({"scans": brats, "scans_pattern": "*t2*"}, DataError, "has 0 scans beside it"),
        ({"scans": brats, "scans_pattern": "*.nii.gz"}, DataError, "has 2 scans beside it"),
    ):
        with pytest.raises(error, match=message):
            Anomaly(AnomalyConfig(**options)).check()


def test_images_that_do_not_tell_their_preparation(brats, tmp_path):
    images = make_images(tmp_path / "images", subjects=5)
    images.info["preparation"] = {}
    with pytest.raises(OptionError, match="do not say how they were prepared"):
        scan_cases(AnomalyConfig(scans=brats), images)


def test_scans_without_lesions_in_view(prepared, brats):
    for path in brats.rglob("*_seg.nii.gz"):
        mask = np.zeros(nibabel.load(path).shape, np.uint8)
        mask[0, 0, 0] = 1  # in the air
        write(path, mask)
    with pytest.raises(DataError, match="shows a lesion"):
        scan_cases(AnomalyConfig(scans=brats), prepared)
