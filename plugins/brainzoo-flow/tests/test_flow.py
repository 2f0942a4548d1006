"""The packing is exact, the path ends where it should, and edits change what they may."""

import dataclasses

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from brainzoo.api import DataError, Images, OptionError, Run
from brainzoo.data.packing import packed
from brainzoo.plugin.options import make_config
from brainzoo.plugin.run import TrainConfig
from brainzoo.testing import make_images
from brainzoo_flow import path
from brainzoo_flow.command import edit
from brainzoo_flow.config import FlowConfig
from brainzoo_flow.edits import inpainted, translated
from brainzoo_flow.generator import Flow
from brainzoo_flow.networks import UNet
from brainzoo_flow.spaces import Packing


@pytest.mark.parametrize(("dims", "block"), [(2, 1), (2, 2), (2, 4), (3, 2), (3, 4)])
def test_packing_is_orthonormal_and_exact(dims, block):
    packing = Packing(dims, 2, block)
    pixels = torch.randn(3, 2, *[16] * dims)
    packed = packing(pixels)
    assert packed.shape == (3, 2 * block**dims, *[16 // block] * dims)
    assert torch.allclose(packed.square().sum(), pixels.square().sum(), rtol=1e-5)
    packing.learn([pixels * 3 + 1])
    assert torch.allclose(packing.inverse(packing(pixels)), pixels, atol=1e-5)


def test_learned_packing_centres_and_evens_out_the_coefficients():
    smooth = torch.nn.functional.interpolate(torch.randn(64, 1, 4, 4), size=32, mode="bicubic")
    before, after = Packing(2, 1, 4), Packing(2, 1, 4)
    after.learn([smooth])
    spread = [p(smooth).std((0, 2, 3)) for p in (before, after)]
    assert after(smooth).mean((0, 2, 3)).abs().max() < 1e-4
    assert spread[1].max() / spread[1].min() < 0.5 * spread[0].max() / spread[0].min()


def perfect(mean: float, std: float) -> path.Denoiser:
    """Return the best denoiser of images whose values are normal and independent."""

    def denoise(z: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        t = path.wide(time, z)
        variance = (1 - t) ** 2 + (t * std) ** 2
        return mean + t * std**2 / variance * (z - t * mean)

    return denoise


@pytest.mark.parametrize(("solver", "steps"), [("multistep", 16), ("heun", 16), ("euler", 64)])
def test_noise_flows_to_the_distribution_of_the_images(solver, steps):
    noise = torch.randn(20_000, 1, 1, 1, generator=torch.Generator().manual_seed(0))
    made = path.solve(perfect(2.0, 0.5), noise, steps=steps, solver=solver)
    assert abs(float(made.mean()) - 2) < 0.02
    assert abs(float(made.std()) - 0.5) < 0.03


def test_second_order_solvers_need_fewer_steps_than_euler():
    noise = torch.randn(500, 1, 1, 1, generator=torch.Generator().manual_seed(0))
    exact = path.solve(perfect(2.0, 0.5), noise, steps=500, solver="heun")
    off = {
        solver: float((path.solve(perfect(2.0, 0.5), noise, steps=8, solver=solver) - exact).std())
        for solver in ("multistep", "heun", "euler")
    }
    assert off["heun"] < 0.5 * off["euler"]
    assert off["multistep"] < 0.5 * off["euler"]


def test_flowing_back_and_forth_returns_the_image():
    image = 2 + 0.5 * torch.randn(50, 1, 1, 1, generator=torch.Generator().manual_seed(1))
    back = path.solve(perfect(2.0, 0.5), image, steps=50, begin=0.95, end=0.2)
    forth = path.solve(perfect(2.0, 0.5), back, steps=50, begin=0.2, end=0.95)
    assert torch.allclose(forth, image, atol=0.01)


def test_likely_images_have_lower_scores():
    noise = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0)).expand(2, 1, 8, 8)
    images = torch.stack([torch.full((1, 8, 8), 2.0), torch.full((1, 8, 8), 5.0)])
    likely, unlikely = path.score(perfect(2.0, 0.5), images, noise)
    assert float(likely) < float(unlikely)


def test_a_wider_spread_trains_both_ends_of_the_path_more():
    normal = torch.randn(9_999, generator=torch.Generator().manual_seed(0))
    narrow, wide = (path.training_times(normal, -1.0, spread) for spread in (1.0, 1.8))
    for end in (wide < 0.05, wide > 0.9):
        assert end.float().mean() > 0.03
    for end in (narrow < 0.05, narrow > 0.9):
        assert end.float().mean() < 0.03
    assert float(wide.median()) == pytest.approx(float(narrow.median()), abs=0.01)


@pytest.mark.parametrize("block", [1, 4])
def test_inpainting_keeps_what_is_known_and_fills_in_what_is_likely(block):
    packing = Packing(2, 1, block)
    pixels, mask = torch.full((2, 1, 16, 16), 9.0), torch.zeros(2, 1, 16, 16, dtype=torch.bool)
    mask[..., 3:10, 5:9] = True
    noise = torch.randn(2, 4, packing.packed, 16 // block, 16 // block)

    def denoise(z, time):  # everything is 2, whatever is known
        return packing(torch.full_like(pixels, 2.0))

    made = inpainted(packing, denoise, pixels, mask, noise)
    assert torch.allclose(made[~mask], pixels[~mask], atol=1e-4)
    assert torch.allclose(made[mask], torch.tensor(2.0), atol=1e-4)


def test_what_is_filled_in_fits_what_is_known_and_is_varied():
    alike = 0.9  # how neighbours correlate; both are standard normal
    pixels = torch.full((4000, 1, 1, 2), 1.5)
    mask = torch.tensor([True, False]).expand(4000, 1, 1, 2)
    noise = torch.randn(4000, 24, 1, 1, 2, generator=torch.Generator().manual_seed(0))
    spread = torch.tensor([[1.0, alike], [alike, 1.0]])

    def denoise(z, time):  # the mean of the image, given z
        t = float(time[0])
        return z @ (t * spread @ torch.linalg.inv(t**2 * spread + (1 - t) ** 2 * torch.eye(2)))

    made = inpainted(Packing(2, 1, 1), denoise, pixels, mask, noise)[..., 0]
    # 0 if it did not see its neighbour, 1.35 if exact: steps end before the image.
    assert abs(float(made.mean()) - alike * 1.5) < 0.4
    assert 0.5 < float(made.std()) / (1 - alike**2) ** 0.5 < 1.3


def test_translation_moves_towards_the_new_condition_and_not_without_one():
    packing = Packing(2, 1, 1)
    pixels = 1 + 0.1 * torch.randn(30, 1, 1, 1, generator=torch.Generator().manual_seed(0))
    young, old = perfect(1.0, 0.1), perfect(3.0, 0.1)
    moved = translated(packing, young, old, pixels, 0.8, 16)
    assert 0.5 < float((moved - pixels).mean()) < 2.5
    assert np.corrcoef(moved.flatten(), pixels.flatten())[0, 1] > 0.9, "people keep their order"
    assert torch.allclose(translated(packing, young, young, pixels, 0.8, 16), pixels)
    assert torch.allclose(translated(packing, young, old, pixels, 0.0, 16), pixels, atol=0.1)


@pytest.mark.parametrize("dims", [2, 3])
def test_an_untrained_network_predicts_nothing_and_conditions_reach_it(dims):
    network = UNet(dims, 4, (8, 16), 3, embedding=16, blocks=1)
    z = torch.randn(2, 4, *[8] * dims)
    assert not network(z, torch.rand(2), torch.zeros(2, 3)).any()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    time = torch.tensor([0.3, 0.3])
    same, other = (network(z, time, torch.tensor(c)) for c in ([[0.0] * 3] * 2, [[1.0] * 3] * 2))
    later = network(z, time + 0.3, torch.zeros(2, 3))
    assert not torch.allclose(same, other)
    assert not torch.allclose(same, later)


@pytest.mark.parametrize(
    ("options", "spatial"),
    [({}, (100, 128)), ({"space": "haar"}, (8, 8)), ({"widths": (8, 8, 8, 8)}, (16, 16))],
)
def test_sizes_that_do_not_divide_are_refused_before_any_data_are_prepared(options, spatial):
    with pytest.raises(OptionError, match="multiples of"):
        make_config(FlowConfig, options).check_spatial(spatial)


def test_widths_that_group_normalisation_cannot_divide_are_refused():
    with pytest.raises(OptionError, match="12"):
        FlowConfig(widths=(12, 24))


def test_masks_and_images_of_another_shape_are_refused():
    from brainzoo_flow.generator import Flow

    flow = Flow(FlowConfig(widths=(8,), embedding=16, blocks=1))
    flow.shape = (1, 16, 16)
    flow.network = flow.build(flow.shape).eval()
    pixels = np.zeros((2, 1, 16, 16), np.float32)
    with pytest.raises(DataError, match="mask"):
        flow.inpaint(pixels, np.ones((2, 8, 8), bool))
    with pytest.raises(DataError, match="expected"):
        flow.score(pixels[..., :8])
    filled = flow.inpaint(pixels, np.arange(16)[None, None, :].repeat(2, 0).repeat(16, 1) > 7)
    assert np.array_equal(filled[..., :8], pixels[..., :8])


def test_anomaly_scores_are_what_a_model_of_healthy_images_does_not_make():
    flow = Flow(FlowConfig(widths=(8,), embedding=16, blocks=1))
    flow.shape = (1, 16, 16)
    flow.network = flow.build(flow.shape).eval()
    healthy = np.linspace(0.1, 0.6, 256, dtype=np.float32).reshape(1, 1, 16, 16)

    class Knows(torch.nn.Linear):
        def forward(self, z, time, given):
            return flow.network.packing(torch.from_numpy(healthy) * 2 - 1).expand_as(z)

    flow.network.unet = Knows(1, 1)
    sick = healthy.repeat(3, 0)
    sick[:, :, 4:8, 4:8] += 0.3
    for name, found in flow.anomaly_scores(sick, seed=1).items():
        assert np.allclose(found, sick - healthy, atol=1e-5), name


def test_the_command_edits_a_folder_of_images(tmp_path):
    images = make_images(tmp_path / "images", spatial=(16, 16), subjects=10)
    flow = Flow(make_config(FlowConfig, {"widths": (8, 16), "embedding": 16, "steps": 2}, "option"))
    run = Run(tmp_path / "run", TrainConfig(images=16, batch_size=8, device="cpu", grids=0))
    flow.fit(images.where(split="train"), run)
    flow.save(run.checkpoint)
    mask = np.zeros((16, 16), bool)
    mask[4:9, 4:9] = True
    np.save(tmp_path / "mask.npy", mask)
    places = [str(tmp_path / name) for name in ("run", "images")]

    def edited(*words):
        return CliRunner().invoke(edit, [*places, *words, "--split", "test"])

    done = edited("--mask", str(tmp_path / "mask.npy"), "--out", str(tmp_path / "filled"))
    assert done.exit_code == 0, done.output
    before, after = images.where(split="test").floats(), Images.open(tmp_path / "filled").floats()
    assert np.allclose(before[:, 0][:, ~mask], after[:, 0][:, ~mask], atol=1e-4)
    assert not np.allclose(before[:, 0][:, mask], after[:, 0][:, mask], atol=1e-2)
    assert (tmp_path / "filled-before-after.png").is_file()
    other = "old" if images.where(split="test").table[0]["class"] == "young" else "young"
    done = edited("--condition", f"class={other}", "--out", str(tmp_path / "other"))
    assert done.exit_code == 0, done.output
    assert set(Images.open(tmp_path / "other").column("class")) == {other}
    assert isinstance(edited("--out", str(tmp_path / "none")).exception, OptionError)


def test_fast_samples_look_the_same_and_keep_their_greys(tmp_path):
    images = make_images(tmp_path / "images", spatial=(32, 32), subjects=16)
    flow = Flow(FlowConfig(widths=(16, 32), covariates=()))
    train = TrainConfig(images=256, batch_size=16, grids=1, device="cpu")
    flow.fit(images, Run(tmp_path / "run", train))
    flow.save(tmp_path / "made")
    quick = Flow.load(tmp_path / "made")
    quick.config = dataclasses.replace(quick.config, fast=True)
    exact, fast = (np.concatenate(list(g.sample(4, seed=1))) for g in (flow, quick))
    off = 255 * np.abs(exact - fast)
    assert 0 < off.mean() < 1
    assert len(np.unique(fast)) > 0.9 * len(np.unique(exact)) > 256


def test_the_command_paints_a_label_and_writes_label_maps(tmp_path):
    images = make_images(tmp_path / "images", spatial=(16, 16), subjects=10, labels=True)
    flow = Flow(make_config(FlowConfig, {"widths": (8, 16), "embedding": 16, "steps": 2}, "option"))
    run = Run(tmp_path / "run", TrainConfig(images=16, batch_size=8, device="cpu", grids=0))
    flow.fit(packed(images.where(split="train")), run)
    flow.save(run.checkpoint)
    mask = np.zeros((16, 16), bool)
    mask[4:9, 4:9] = True
    np.save(tmp_path / "mask.npy", mask)

    def edited(label, out):
        words = ["--mask", tmp_path / "mask.npy", "--label", label, "--out", tmp_path / out]
        return CliRunner().invoke(edit, [str(w) for w in (run.folder, tmp_path / "images", *words)])

    done = edited(2, "ill")
    assert done.exit_code == 0, done.output
    ill = Images.open(tmp_path / "ill")
    assert (ill.labels()[:, mask] == 2).all()
    assert np.array_equal(ill.labels()[:, ~mask], images.labels()[:, ~mask])
    assert ill.label_names == images.label_names
    assert not np.allclose(ill.floats()[:, 0][:, mask], images.floats()[:, 0][:, mask], atol=0.01)
    assert str(tmp_path) not in str(ill.info["edited"])
    assert edited(0, "healthy").exit_code == 0
    assert not Images.open(tmp_path / "healthy").labels()[:, mask].any()
    assert "Known: 1, 2" in edited(7, "none").exception.hint
