import itertools

import numpy as np
import pytest
import torch

from brainzoo.testing.heads import make_head
from brainzoo_pggan.diversity import (
    PATIENCE,
    CollapseWatch,
    ms_ssim,
    of_different_people,
    similarity,
)


def heads(count, size, dims=2, start=0):
    made = [make_head([size] * dims, seed=start + i) for i in range(count)]
    return torch.from_numpy(np.stack(made)[:, None]).double()


def ssim_in_loops(a, b):
    """Luminance and contrast-structure of two images, window by window."""
    place = np.arange(11) - 5
    window = np.exp(-(place**2) / (2 * 1.5**2))
    window = np.outer(window, window)
    window /= window.sum()
    luminance, structure = [], []
    for i in range(len(a) - 10):
        for j in range(len(a) - 10):
            p, q = a[i : i + 11, j : j + 11], b[i : i + 11, j : j + 11]
            mp, mq = (window * p).sum(), (window * q).sum()
            vp, vq = (window * (p - mp) ** 2).sum(), (window * (q - mq) ** 2).sum()
            cov = (window * (p - mp) * (q - mq)).sum()
            luminance.append((2 * mp * mq + 1e-4) / (mp**2 + mq**2 + 1e-4))
            structure.append((2 * cov + 9e-4) / (vp + vq + 9e-4))
    return np.array(luminance), np.array(structure)


def test_one_scale_is_ssim():
    a, b = heads(2, 16)
    luminance, structure = ssim_in_loops(a[0].numpy(), b[0].numpy())
    expected = max(0, (luminance * structure).mean())
    assert float(ms_ssim(a[None], b[None])) == pytest.approx(expected, rel=1e-9)


def test_two_scales_weigh_as_in_the_paper():
    a, b = heads(2, 32)
    _, fine = ssim_in_loops(a[0].numpy(), b[0].numpy())
    halves = [x[0].numpy().reshape(16, 2, 16, 2).mean((1, 3)) for x in (a, b)]
    luminance, structure = ssim_in_loops(*halves)
    first, second = 0.0448 / 0.3304, 0.2856 / 0.3304
    expected = fine.mean() ** first * (luminance * structure).mean() ** second
    assert float(ms_ssim(a[None], b[None])) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("size", "dims"), [(16, 2), (64, 2), (256, 2), (16, 3)])
def test_equal_images_are_one_and_others_less(size, dims):
    images = heads(3, size, dims)
    assert torch.allclose(ms_ssim(images, images), torch.ones(3, dtype=torch.float64))
    assert 0 <= similarity(images) < 0.95


def test_collapse_is_warned_of_once_and_a_healthy_run_is_not(capsys):
    real, healthy = heads(16, 32), heads(16, 32, start=100)
    watch = CollapseWatch()
    for _ in range(4):
        watch.look(healthy, real)
    assert capsys.readouterr().err == ""
    alike = healthy[:1] + 0.02 * torch.rand(16, 1, 32, 32, dtype=torch.float64)
    for looks in range(1, 6):
        watch.look(alike, real)
        warned = capsys.readouterr().err
        assert ("collapse" in warned and "--diffaugment" in warned) == (looks == PATIENCE)


def test_figures_are_told_at_one_step_only():
    watch = CollapseWatch()
    assert watch.figures(0) == {}
    watch.look(heads(4, 8), heads(4, 8))
    assert watch.figures(1) == {}, "8 pixels are too few"
    watch.look(heads(4, 16), heads(4, 16))
    assert set(watch.figures(2)) == {"ms_ssim", "ms_ssim_real"}
    assert watch.figures(2), "each part of an accumulated step tells them"
    assert watch.figures(3) == {}


@pytest.mark.parametrize(("people", "slices"), [(12, 7), (81, 7), (3, 40)])
def test_real_images_are_compared_with_those_of_other_people(people, slices):
    subjects = [f"s{i}" for i in range(people) for _ in range(slices)]
    rows = of_different_people(subjects, 64)
    assert len(rows) == len(set(rows)) == 64
    assert all(subjects[a] != subjects[b] for a, b in itertools.pairwise(rows))


def test_one_real_image_tells_nothing_of_diversity():
    watch = CollapseWatch()
    watch.look(heads(4, 16), heads(1, 16))
    assert watch.figures(0) == {}
