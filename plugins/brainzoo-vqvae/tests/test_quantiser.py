import math

import numpy as np
import pytest
import torch

from brainzoo_vqvae.quantiser import DEAD, RESTARTED, Quantiser, perplexity


def quantiser(codes=6, length=3, *, cosine=False, decay=0.9):
    """A codebook whose codes were each taken by one latent a step."""
    made = Quantiser(codes, length, cosine=cosine, decay=decay)
    made.usage.fill_(1.0)
    made.sums.copy_(torch.randn(codes, length, generator=torch.Generator().manual_seed(1)))
    return made


def latents(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("spatial", [(4, 5), (2, 3, 4)])
def test_every_latent_becomes_the_nearest_code(spatial):
    book, given = quantiser(), latents(2, 3, *spatial)
    done = book(given)
    assert done.codes.shape == (2, *spatial)
    rows = given.movedim(1, -1).reshape(-1, 3)
    distances = ((rows[:, None] - book.vectors) ** 2).sum(2)
    assert torch.equal(done.codes.flatten(), distances.argmin(1))
    assert torch.allclose(done.latents, book.look_up(done.codes), atol=1e-6)
    assert done.commitment == pytest.approx(float(distances.min(1).values.mean() / 3), rel=1e-5)


def test_cosine_codes_compare_directions():
    book, given = quantiser(cosine=True), latents(2, 3, 4, 4)
    rows = given.movedim(1, -1).reshape(-1, 3)
    cosines = torch.nn.functional.cosine_similarity(rows[:, None], book.sums[None], dim=2)
    assert torch.equal(book(given).codes.flatten(), cosines.argmax(1))
    assert torch.equal(book(given).codes, book(7 * given).codes)
    lengths = book(given).latents.norm(dim=1)
    assert torch.allclose(lengths, torch.full_like(lengths, math.sqrt(3)))


def test_gradients_pass_straight_through():
    book, given = quantiser(), latents(2, 3, 4, 4).requires_grad_()
    weights = latents(2, 3, 4, 4) ** 2
    (book(given).latents * weights).sum().backward()
    assert torch.equal(given.grad, weights), "as if nothing had been quantised"


def test_commitment_pulls_latents_to_their_codes():
    book, given = quantiser(), latents(2, 3, 4, 4).requires_grad_()
    done = book(given)
    done.commitment.backward()
    wanted = 2 * (given - done.latents).detach() / given.numel()
    assert torch.allclose(given.grad, wanted, atol=1e-7)


@pytest.mark.parametrize("cosine", [False, True])
def test_averages_move_as_in_a_slow_reference(cosine):
    book = quantiser(cosine=cosine)
    usage = book.usage.numpy().astype(np.float64).copy()
    sums = book.sums.numpy().astype(np.float64).copy()
    rng = torch.Generator().manual_seed(3)
    for _ in range(5):
        given = torch.randn(2, 3, 4, 4, generator=rng)
        codes = book(given).codes
        book.update(given, codes)
        counts, totals = np.zeros(6), np.zeros((6, 3))
        for image in range(2):
            for i in range(4):
                for j in range(4):
                    row = given[image, :, i, j].numpy().astype(np.float64)
                    row = row / np.linalg.norm(row) * math.sqrt(3) if cosine else row
                    counts[codes[image, i, j]] += 1
                    totals[codes[image, i, j]] += row
        usage, sums = 0.9 * usage + 0.1 * counts, 0.9 * sums + 0.1 * totals
    assert np.allclose(book.usage, usage, rtol=1e-5)
    assert np.allclose(book.sums, sums, rtol=1e-4, atol=1e-5)
    wanted = sums / np.linalg.norm(sums, axis=1, keepdims=True) * math.sqrt(3)
    wanted = wanted if cosine else sums / usage[:, None]
    assert np.allclose(book.vectors, wanted, rtol=1e-4, atol=1e-4)


def test_bf16_around_it_changes_nothing():
    """Distances and averages in bf16 would choose other codes and forget small steps."""
    exact, mixed, given = quantiser(64, 8), quantiser(64, 8), latents(4, 8, 8, 8)
    exact.update(given, exact(given).codes)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        done = mixed(given)
        mixed.update(given, done.codes)
    assert torch.equal(done.codes, quantiser(64, 8)(given).codes)
    assert torch.equal(exact.sums, mixed.sums)
    assert done.latents.dtype == torch.float32


def test_dead_codes_restart_on_latents_of_the_batch():
    book, given = quantiser(), latents(2, 3, 4, 4)
    share = 32 / 6
    book.usage[:] = torch.tensor([1.0, 0.009, 0.011, 0.0, 2.0, 1.0]) * share
    before = book.sums.clone()
    assert DEAD == 0.01
    assert int(book.restart(given, 7)) == 2
    rows = given.movedim(1, -1).reshape(-1, 3)
    for code, dead in enumerate([False, True, False, True, False, False]):
        if dead:
            assert torch.isclose(book.vectors[code], rows, atol=1e-6).all(1).sum() == 1
            assert float(book.usage[code]) == pytest.approx(RESTARTED * share)
        else:
            assert torch.equal(book.sums[code], before[code])


def test_the_first_batch_places_a_new_codebook():
    book, given = Quantiser(6, 3, cosine=False, decay=0.9), latents(2, 3, 4, 4)
    assert int(book.restart(given, 0)) == 6
    rows = given.movedim(1, -1).reshape(-1, 3)
    same = torch.isclose(book.vectors[:, None], rows, atol=1e-6).all(2)
    assert same.sum(1).tolist() == [1] * 6, "each onto a latent"
    assert same.any(0).sum() == 6, "and no two onto the same"


def test_unused_codes_come_back_into_use():
    """All codes far from the data but one: without restarts that one would take all."""
    book, given = quantiser(16, 3), latents(8, 3, 4, 4)
    book.sums[1:] = 100.0
    for step in range(200):
        book.restart(given, step)
        book.update(given, book(given).codes)
    codes = book(given).codes
    assert len(codes.unique()) == 16
    assert perplexity(codes, 16) > 8


def test_perplexity_counts_codes_in_use():
    assert perplexity(torch.tensor([[0, 1], [2, 3]]), 100) == pytest.approx(4, rel=1e-4)
    assert perplexity(torch.zeros(50, dtype=torch.long), 100) == pytest.approx(1)
