import numpy as np
import pytest
import torch

from brainzoo.training import seeded
from brainzoo_vqvae.prior import Prior, draw_codes, probabilities

GRIDS = [(3, 4), (2, 3, 2)]


def prior(latent=(3, 4), codes=7, condition=3):
    """A prior whose every weight is random, those too that training begins at zero."""
    with seeded(0):
        made = Prior(latent, codes, condition, width=64, layers=2).eval().double()
        for parameter in made.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
    return made


def some_codes(latent=(3, 4), batch=2):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 7, (batch, int(np.prod(latent)))))


@pytest.mark.parametrize("latent", GRIDS)
@torch.inference_mode()
def test_the_cache_changes_nothing(latent):
    network, codes, encoded = prior(latent), some_codes(latent), torch.randn(2, 3).double()
    at_once = network(codes, encoded)
    cache, before = network.cache(2), None
    for position in range(codes.shape[1]):
        logits = network.next(before, encoded, position, cache)
        assert torch.allclose(logits, at_once[:, position], atol=1e-10)
        before = codes[:, position]


@torch.inference_mode()
def test_no_position_sees_itself_or_what_follows():
    network, codes, encoded = prior(), some_codes(), torch.randn(2, 3).double()
    for position in range(12):
        other = codes.clone()
        other[:, position:] = (other[:, position:] + 1) % 7
        same = torch.isclose(network(codes, encoded), network(other, encoded)).all(2).all(0)
        assert same[: position + 1].all()
        assert not same[position + 1 :].any()


@torch.inference_mode()
def test_every_place_and_the_condition_matter():
    network, codes, encoded = (
        prior(),
        torch.zeros(1, 12, dtype=torch.long),
        torch.zeros(1, 3).double(),
    )
    logits = network(codes, encoded)[0]
    assert len({tuple(np.round(row, 6)) for row in logits[1:].tolist()}) == 11
    assert not torch.isclose(logits, network(codes, encoded + 1)[0]).all(1).any()


def test_all_codes_are_alike_before_it_has_learnt():
    with seeded(0):
        network = Prior((3, 4), 7, 0, width=32, layers=1)
    assert not network.begun
    assert torch.equal(network(some_codes(), torch.zeros(2, 0)), torch.zeros(2, 12, 7))


def test_checkpointing_gives_the_same_gradients():
    gradients = []
    for checkpointing in (False, True):
        network = prior().train()
        network.checkpointing = checkpointing
        network(some_codes(), torch.ones(2, 3).double()).square().mean().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in network.parameters()]))
    assert torch.allclose(*gradients)


def test_codes_are_drawn_as_the_prior_says():
    """Frequencies of the first two codes of many draws, against the probabilities multiplied."""
    network, n = prior((1, 2), codes=3, condition=1), 20_000
    encoded = torch.ones(n, 1).double()
    uniforms = torch.rand(n, 2, generator=torch.Generator().manual_seed(0)).double()
    drawn = draw_codes(network, encoded, uniforms)
    with torch.inference_mode():
        for first in range(3):
            row = torch.tensor([[first, 0]])
            shares = network(row, encoded[:1]).softmax(2)[0]
            for second in range(3):
                wanted = float(shares[0, first] * shares[1, second])
                both = (drawn[:, 0] == first) & (drawn[:, 1] == second)
                assert float(both.double().mean()) == pytest.approx(wanted, abs=0.012)


def test_given_codes_are_kept_and_seen():
    network, encoded = prior(), torch.zeros(2, 3).double()
    uniforms = torch.rand(2, 12, generator=torch.Generator().manual_seed(0)).double()
    kept = torch.full((2, 12), -1)
    kept[:, 5] = torch.tensor([2, 3])
    drawn, free = (
        draw_codes(network, encoded, uniforms, given=kept),
        draw_codes(network, encoded, uniforms),
    )
    assert drawn[:, 5].tolist() == [2, 3]
    assert torch.equal(drawn[:, :5], free[:, :5])
    assert not torch.equal(drawn[:, 6:], free[:, 6:])


def test_temperature_top_k_and_top_p():
    logits = torch.tensor([[3.0, 1.0, 2.0, 0.0]]).double().log()
    whole = [0.5, 1 / 6, 1 / 3, 0.0]
    assert probabilities(logits)[0].tolist() == pytest.approx(whole)
    cold = probabilities(logits, temperature=0.5)[0].tolist()
    assert cold == pytest.approx([9 / 14, 1 / 14, 4 / 14, 0])
    assert probabilities(logits, top_k=2)[0].tolist() == pytest.approx([0.6, 0, 0.4, 0])
    assert probabilities(logits, top_k=9)[0].tolist() == pytest.approx(whole)
    assert probabilities(logits, top_p=0.5)[0].tolist() == pytest.approx([1, 0, 0, 0])
    assert probabilities(logits, top_p=0.51)[0].tolist() == pytest.approx([0.6, 0, 0.4, 0])
    assert probabilities(logits, top_p=0.01)[0].tolist() == pytest.approx([1, 0, 0, 0])


def test_the_likeliest_code_alone_is_drawn_whatever_the_numbers():
    network, encoded = prior(), torch.zeros(2, 3).double()
    low, high = torch.zeros(2, 12).double(), torch.ones(2, 12).double()
    drawn = [draw_codes(network, encoded, u, top_k=1) for u in (low, high)]
    assert torch.equal(*drawn)
    with torch.inference_mode():
        assert torch.equal(network(drawn[0], encoded).argmax(2), drawn[0])
