"""Heads whose regions are known come back with these volumes, on the right side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from brainzoo.training import Compute
from brainzoo_anatomy import segmentation
from brainzoo_anatomy.meshnet import MeshNet, dilated
from brainzoo_anatomy.regions import NAMES, PAIRED, numbers_of, right_of_middle, volumes_ml
from brainzoo_anatomy.weights import read_weights

SIDE = 24


@pytest.fixture
def network(weights: Path) -> MeshNet:
    return MeshNet(read_weights(weights), Compute(torch.device("cpu"), torch.float32))


@pytest.fixture
def head(made_up: Any) -> np.ndarray:
    """A cube of cortex, a hippocampus of 2 × 3 × 4 voxels on its left and of 1 × 3 × 4 right."""
    image = np.zeros((SIDE,) * 3, np.float32)
    image[4:20, 4:20, 4:20] = made_up.brightness("Cerebral-Cortex")
    image[6:8, 8:11, 9:13] = made_up.brightness("Hippocampus")
    image[16:17, 8:11, 9:13] = made_up.brightness("Hippocampus")
    image[0, 0, 0] = 1  # white, so that brightness stays as it is; a piece of its own
    return image


def test_volumes_of_both_sides(network: MeshNet, head: np.ndarray) -> None:
    labels, whole = segmentation.segment(network, head, (8.0, 8.0, 8.0))
    assert labels.shape == head.shape
    assert labels[0, 0, 0] == 0, "only the largest piece counts"
    assert 0.99 < whole < 1
    ml = volumes_ml(labels, numbers_of(network.weights.classes), 0.512)
    left, right = ml[NAMES.index("hippocampus")]
    assert left == pytest.approx(24 * 0.512)
    assert right == pytest.approx(12 * 0.512)
    assert ml[NAMES.index("brain")].sum() == pytest.approx(16**3 * 0.512)
    assert ml[NAMES.index("amygdala")].sum() == 0


def test_the_network_sees_the_head_as_it_was_trained(
    network: MeshNet, head: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LIA: x to the left, then down, then forward."""
    seen = []
    monkeypatch.setattr(MeshNet, "__call__", lambda self, x: seen.append(x) or np.zeros(x.shape))
    head[4:20, 4:20, 19] = 0.9  # the top
    head[4:20, 19, 4:20] = 0.8  # the front
    segmentation.segment(network, head, (8.0, 8.0, 8.0))
    (found,) = seen
    assert found[:, 1].mean() > found[:, -2].mean(), "the top comes first on the second axis"
    assert found[:, :, -2].mean() > found[:, :, 1].mean(), "the front comes last on the third"


def test_a_head_of_other_voxels_has_the_same_volumes(network: MeshNet, head: np.ndarray) -> None:
    fine = head.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    labels, _ = segmentation.segment(network, fine, (4.0, 4.0, 4.0))
    same, _ = segmentation.segment(network, head, (8.0, 8.0, 8.0))
    assert np.array_equal(labels, same)


def test_nothing_has_no_volumes(network: MeshNet) -> None:
    labels, whole = segmentation.segment(network, np.zeros((8, 8, 8), np.float32), (8.0,) * 3)
    assert whole == 0
    assert not volumes_ml(labels, numbers_of(network.weights.classes), 1.0).any()


def test_what_is_far_below_the_top_is_left_out() -> None:
    tall = np.zeros((10, 10, 60), bool)
    tall[3:7, 3:7, 2:58] = True
    box = segmentation.box_of(tall)
    kept = round(segmentation.HEIGHT_MM / segmentation.VOXEL_MM)
    assert box[2].start == 58 - kept
    assert box[0] == slice(2, 8)
    assert tall[box].sum() == 16 * kept


@pytest.mark.parametrize("tilt", [-0.3, 0.0, 0.2])
def test_sides_of_a_tilted_head_are_told_apart(tilt: float) -> None:
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, 41)] * 3, indexing="ij")
    brain = ((x - 0.1 - tilt * z) / 0.4) ** 2 + (y / 0.8) ** 2 + (z / 0.6) ** 2 < 1
    truth = x - 0.1 - tilt * z > 0
    wrong = (right_of_middle(brain) != truth) & brain
    assert wrong.sum() < 0.03 * brain.sum()


def test_layers_are_as_torch_computes_them(weights: Path) -> None:
    """Random kernels in the place of the made-up ones, against modules of torch."""
    rng = np.random.default_rng(0)
    known = read_weights(weights)
    layers = []
    modules: list[torch.nn.Module] = []
    for layer in known.layers:
        kernel = rng.normal(0, 0.3, layer.kernel.shape).astype(np.float32)
        bias = rng.normal(0, 0.3, layer.bias.shape).astype(np.float32)
        layers.append(type(layer)(kernel, bias, layer.dilation))
        out, into, side = kernel.shape[:3]
        conv = torch.nn.Conv3d(into, out, side, padding="same", dilation=layer.dilation)
        conv.weight.data, conv.bias.data = torch.from_numpy(kernel), torch.from_numpy(bias)
        modules += [conv, torch.nn.ELU()]
    network = MeshNet(
        type(known)(layers, known.classes, ""), Compute(torch.device("cpu"), torch.float32)
    )
    head = rng.uniform(size=(21, 9, 11)).astype(np.float32)
    wanted = torch.nn.Sequential(*modules[:-1])(torch.from_numpy(head)[None, None])
    assert np.array_equal(network(head), wanted.argmax(1)[0].numpy())


@pytest.mark.parametrize(("dilation", "fold"), [(8, 2), (8, 4), (16, 4), (16, 16)])
def test_far_dilations_are_the_same_sums_by_parts(dilation: int, fold: int) -> None:
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(1, 3, 21, 34, 17, generator=draw)
    kernel, bias = torch.randn(5, 3, 3, 3, 3, generator=draw), torch.randn(5, generator=draw)
    wanted = dilated(features, kernel, bias, dilation, 1)
    assert wanted.shape == (1, 5, 21, 34, 17)
    torch.testing.assert_close(dilated(features, kernel, bias, dilation, fold), wanted)


def test_paired_regions_are_those_with_two_sides() -> None:
    assert "hippocampus" in PAIRED
    assert "brain stem" not in PAIRED
