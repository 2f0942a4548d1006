"""Muon moves a matrix in all of its directions alike, and goes on from its state."""

import copy

import pytest
import torch

from brainzoo_flow.muon import COEFFICIENTS, ROUNDS, Muon, hidden_and_others, orthogonal


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 16)])
def test_an_update_keeps_singular_vectors_and_evens_out_values(shape):
    torch.manual_seed(0)
    left, _, right = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    steep = left @ torch.diag(torch.logspace(0, -2, len(right))) @ right
    found = left.mT @ orthogonal(steep) @ right.mT
    values = found.diagonal()
    assert values.min() > 0.5
    assert values.max() < 1.5
    assert (found - values.diag()).abs().max() < 0.05


@pytest.mark.parametrize("rank", [1, 8])
def test_rounds_over_the_gram_matrix_are_the_rounds_over_the_matrix(rank):
    torch.manual_seed(0)
    weights = torch.logspace(0, -5, rank)
    matrix = (torch.randn(8, rank) * weights) @ torch.randn(rank, 200)
    x = matrix.double() / matrix.double().norm()
    a, b, c = COEFFICIENTS
    for _ in range(ROUNDS):
        gram = x @ x.mT
        x = a * x + b * gram @ x + c * gram @ gram @ x
    assert (orthogonal(matrix) - x).abs().max() < 2e-3 * x.abs().max()


def test_it_goes_on_from_its_state_and_leaves_what_has_no_gradient():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(2, 4, 3), torch.nn.Conv2d(4, 4, 3))
    images = torch.randn(3, 2, 8, 8)

    def optimizer(of):
        parts = hidden_and_others(of.named_parameters(), ends=("0.",))
        assert [p.ndim for p in parts[0]] == [4]
        return Muon(*parts, lr=0.01, betas=(0.9, 0.99), weight_decay=0.01)

    def step(of, muon):
        muon.zero_grad()
        of(images).square().mean().backward()
        muon.step()

    first = optimizer(network)
    step(network, first)
    other = copy.deepcopy(network)
    second = optimizer(other)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for of, muon in ((network, first), (other, second)):
        step(of, muon)
    pairs = zip(network.parameters(), other.parameters(), strict=True)
    assert all(torch.equal(one, same) for one, same in pairs)
    before = network[1].weight.clone()
    first.zero_grad()
    first.step()
    assert torch.equal(network[1].weight, before)
