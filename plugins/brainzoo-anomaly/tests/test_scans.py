"""Scans with lesions that the user brings."""

import numpy as np
import pytest

from brainzoo.common.errors import DataError, NotFoundError
from brainzoo.data.images import Images
from brainzoo.testing.heads import make_images
from brainzoo_anomaly.cases import given_cases, scans_with_lesions
from brainzoo_anomaly.config import AnomalyConfig
from brainzoo_anomaly.evaluator import Anomaly

SPATIAL = [(32, 32), (24, 24, 24)]


def with_balls(folder, spatial, centre=0.55):
    """Write heads with a bright ball each, and its label map."""
    heads = make_images(folder.parent / "heads", spatial=spatial, subjects=4, classes=())
    grid = np.stack(np.meshgrid(*map(np.arange, spatial), indexing="ij"))
    middle = centre * np.array(spatial).reshape(-1, *[1] * len(spatial))
    ball = np.sqrt(((grid - middle) ** 2).sum(0)) < 4
    info = {**heads.info, "labels": {"4": "tumour"}}
    with Images.write(folder, spatial, info, 1, label_dtype="uint8") as writer:
        pixels = heads.read()
        pixels[:, :, ball] = np.iinfo(pixels.dtype).max
        writer.append(
            pixels, heads.table, np.tile(ball * np.uint8(4), (len(heads), *ball.ndim * [1]))
        )
    return Images.open(folder)


@pytest.mark.parametrize("spatial", SPATIAL)
def test_label_maps_are_lesions(spatial, tmp_path):
    scans, config = with_balls(tmp_path / "scans", spatial), AnomalyConfig()
    cases = given_cases(scans, make_images(tmp_path / "test", spatial=spatial, subjects=5), config)
    assert set(cases.kinds) == {"given"}
    assert len(set(cases.subjects)) == 4
    assert cases.pixels.shape[2:] == spatial
    assert (cases.masks.reshape(len(cases), -1).sum(1) > 0).all()
    assert set(cases.widths) <= set(config.widths)
    inside = cases.pixels[:, 0][cases.masks].mean()
    assert inside > cases.pixels[:, 0][cases.regions & ~cases.masks].mean() + 0.2


def test_scans_without_label_maps_are_refused_before_any_training(tmp_path):
    with_balls(tmp_path / "scans", (32, 32))
    Anomaly(AnomalyConfig(scans=tmp_path / "scans")).check()
    with pytest.raises(DataError, match="no label maps"):
        Anomaly(AnomalyConfig(scans=tmp_path / "heads")).check()
    with pytest.raises(NotFoundError):
        Anomaly(AnomalyConfig(scans=tmp_path / "none")).check()


def test_scans_of_another_size_or_without_lesions_in_view(tmp_path):
    with_balls(tmp_path / "scans", (32, 32), centre=0)  # in the air
    scans = scans_with_lesions(tmp_path / "scans")
    test = make_images(tmp_path / "test", subjects=5)
    with pytest.raises(DataError, match="shows a lesion"):
        given_cases(scans, test, AnomalyConfig())
    other = make_images(tmp_path / "other", spatial=(48, 48), subjects=5)
    with pytest.raises(DataError, match="shape"):
        given_cases(scans, other, AnomalyConfig())
