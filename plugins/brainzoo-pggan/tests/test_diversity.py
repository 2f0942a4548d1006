import numpy as np
import pytest

from brainzoo.testing.heads import make_head
from brainzoo_pggan.training import CollapseWatch, likeness


def heads(count, size, start=0):
    return np.stack([make_head([size] * 2, seed=start + i) for i in range(count)])[:, None]


def test_likeness_is_the_mean_correlation_of_pairs():
    images = heads(3, 16)
    rows = images.reshape(3, -1)
    pairs = [np.corrcoef(rows[a], rows[b])[0, 1] for a, b in ((0, 1), (0, 2), (1, 2))]
    assert likeness(images) == pytest.approx(np.mean(pairs), rel=1e-5)
    assert likeness(images[[0, 0, 0]]) == pytest.approx(1)
    assert likeness(np.zeros_like(images)) == 0


def test_collapse_is_warned_of_once_and_a_healthy_run_is_not(capsys):
    real, healthy = heads(16, 32), heads(16, 32, start=100)
    watch = CollapseWatch()
    for _ in range(4):
        watch.look(healthy, real)
    assert capsys.readouterr().err == ""
    noise = np.random.default_rng(0).random((16, 1, 32, 32), np.float32)
    warned = []
    for _ in range(5):
        watch.look(healthy[:1] + 0.02 * noise, real)
        warned.append("--diffaugment" in capsys.readouterr().err)
    assert warned == [False, True, False, False, False]


@pytest.mark.parametrize(("real", "known"), [((4, 8), False), ((1, 16), False), ((4, 16), True)])
def test_tiny_images_and_one_image_say_nothing(real, known):
    watch = CollapseWatch()
    watch.look(heads(4, 16), heads(*real))
    assert bool(watch.values) == known
