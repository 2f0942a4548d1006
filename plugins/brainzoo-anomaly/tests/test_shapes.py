import nibabel
import numpy as np
import pytest

from brainzoo.common.errors import NotFoundError
from brainzoo.testing.heads import make_images
from brainzoo_anomaly.cases import healthy_cases, with_lesions
from brainzoo_anomaly.config import AnomalyConfig
from brainzoo_anomaly.shapes import Shapes


class Plain:
    """Learned no label maps."""

    label_values = ()


@pytest.fixture
def folder(tmp_path):
    """One lesion on the left, at the back, as a mask in standard space whose x axis goes left."""
    mask = np.zeros((157, 189, 136), np.uint8)
    affine = np.diag([-1.0, 1, 1, 1])
    affine[:3, 3] = (78, -112, -50)
    x, y, z = (np.indices(mask.shape) * np.diag(affine)[:3, None, None, None]) + affine[
        :3, 3, None, None, None
    ]
    mask[(x + 35) ** 2 + (y + 60) ** 2 + (z - 10) ** 2 < 15**2] = 1
    nibabel.save(nibabel.Nifti1Image(mask, affine), tmp_path / "p_lesion.nii.gz")
    return tmp_path


def test_a_stroke_lies_where_it_lay_and_is_dark(folder):
    region = np.hypot(*np.meshgrid(*[np.linspace(-1, 1, 64)] * 2, indexing="ij")) < 0.8
    image = np.where(region, 0.6, 0)[None].astype(np.float32)
    changed, mask = Shapes(folder, 0).add(image, region, 0, np.random.default_rng(0))
    row, column = np.argwhere(mask).mean(0)
    assert row > 40, "the back is below"
    assert column > 40, "the left is on the right: seen from below"
    assert changed[0][mask].mean() < 0.5
    assert (changed[0][~region] == 0).all()


def test_strokes_are_one_more_kind(folder, tmp_path):
    heads = make_images(tmp_path / "heads", spatial=(64, 64), subjects=6, per_subject=1)
    config = AnomalyConfig(kinds=("mass",), shapes=folder)
    cases = with_lesions(healthy_cases(heads, Plain(), config), config, 0)
    assert set(cases.kinds) == {"mass", "stroke"}
    assert cases.masks.reshape(len(cases), -1).any(1).all()


def test_a_folder_without_masks(tmp_path):
    with pytest.raises(NotFoundError, match="no masks"):
        Shapes(tmp_path, 0)
