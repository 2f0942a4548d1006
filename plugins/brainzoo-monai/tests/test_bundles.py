"""Bundles become checkpoints that make the images that MONAI's own classes make, rightly turned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.networks.nets import AutoencoderKL, DiffusionModelUNet
from monai.networks.schedulers import DDIMScheduler

from brainzoo.api import Images, IntegrityError, OptionError, load
from brainzoo.training import latents
from brainzoo_monai.bundle import read_folder
from brainzoo_monai.conditions import told
from brainzoo_monai.generator import MonaiModel
from brainzoo_monai.memory import memory_of
from brainzoo_monai.networks import Networks, build

from .bundles import (
    TINY_AUTOENCODER,
    TINY_DIFFUSION,
    configs_of_nvidia,
    configs_of_zoo,
    edited,
    filled,
    nvidia_bundle,
    write_configs,
    zoo_bundle,
)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning:monai")]

PERSON = {"age": 70.0, "sex": "F", "ventricles": 0.3, "brain": 0.6}


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny bundle of the model zoo."""
    return zoo_bundle(tmp_path_factory.mktemp("zoo"))


@pytest.fixture(scope="module")
def nvidia(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny folder of NVIDIA's."""
    return nvidia_bundle(tmp_path_factory.mktemp("nvidia"))


def sampled(source: Path, n: int = 1, *, condition: Any = None, **options: Any) -> Any:
    """Return the generator of a bundle and images ``(image, 1, x, y, z)``."""
    generator = load(f"monai:{source}", steps=2, **options)
    return generator, generator.images(n, seed=5, condition=condition)


def test_an_image_is_what_monai_itself_makes_of_the_same_noise(zoo: Path) -> None:
    _, images = sampled(zoo, condition=PERSON)
    autoencoder, diffusion = filled(
        AutoencoderKL(**TINY_AUTOENCODER), DiffusionModelUNet(**TINY_DIFFUSION)
    )
    scheduler = DDIMScheduler(
        1000, "scaled_linear_beta", clip_sample=False, beta_start=0.0015, beta_end=0.0205
    )
    scheduler.set_timesteps(2)
    z = torch.from_numpy(latents(5, 0, 1, 3 * 4 * 8 * 4, "normal")).view(1, 3, 4, 8, 4)
    told_twice = torch.tensor([[0.0, (70 - 44) / (82 - 44), 0.3, 0.6]])  # sex, age, volumes
    planes = told_twice[:, :, None, None, None].expand(-1, -1, 4, 8, 4)
    with torch.inference_mode():
        for t in scheduler.timesteps:
            noise = diffusion(
                torch.cat((z, planes), 1), timesteps=t[None], context=told_twice[:, None]
            )
            z, _ = scheduler.step(noise, t, z)
        decoded = autoencoder.decode_stage_2_outputs(z)[0, 0].clamp(0, 1).numpy()
    assert decoded.std() > 0.01
    assert np.allclose(images[0, 0], decoded[::-1], atol=1e-4)  # UK Biobank: right to left


def test_old_and_new_names_of_weights_give_the_same_image(zoo: Path, tmp_path: Path) -> None:
    new = zoo_bundle(tmp_path / "new", old=False)
    assert np.array_equal(sampled(zoo)[1], sampled(new)[1])


def test_conditions_change_the_image_and_are_told(zoo: Path) -> None:
    generator, young = sampled(zoo, condition={**PERSON, "age": 45.0})
    old = generator.images(1, seed=5, condition={**PERSON, "age": 81.0})
    assert not np.array_equal(young, old)
    rows = generator.conditions(40, seed=1, condition={"age": 70.0})
    assert {row["age"] for row in rows} == {70.0}
    assert {row["sex"] for row in rows} == {"F", "M"}
    assert len({row["ventricles"] for row in rows}) > 5


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({"age": 30.0}, "age is 30; this model was trained on 44 to 82"),
        ({"brain": 1.5}, "brain is 1.5; this model was trained on 0 to 1"),
        ({"sex": "X"}, "no sex 'X'"),
        ({"contrast": "T1w"}, "no condition 'contrast'"),
    ],
)
def test_what_the_model_does_not_know_is_refused(zoo: Path, condition: Any, said: str) -> None:
    generator = load(f"monai:{zoo}")
    with pytest.raises(OptionError, match=said):
        generator.images(1, condition=condition)


def test_age_and_sex_are_told_as_the_authors_tell_them(zoo: Path) -> None:
    conditions = read_folder(zoo).bundle.conditions
    assert told(conditions, {**PERSON, "age": 44.0, "sex": "F"}) == [0.0, 0.0, 0.3, 0.6]
    assert told(conditions, {**PERSON, "age": 82.0, "sex": "M"}) == [1.0, 1.0, 0.3, 0.6]


def test_contrast_guidance_size_and_spacing_of_maisi(nvidia: Path) -> None:
    generator, images = sampled(nvidia, condition={"contrast": "T1w", "skull": "stripped"})
    assert images.shape == (1, 1, 64, 64, 32)
    wanted = {"contrast": "T1w", "skull": "whole"}
    assert generator.conditions(1, seed=0) == [wanted]
    whole = generator.images(1, seed=5)
    assert not np.array_equal(images, whole)
    _, unguided = sampled(nvidia, guidance=0.0)
    assert not np.array_equal(whole, unguided)
    other, small = sampled(nvidia, size=(32, 32, 32))
    assert small.shape == (1, 1, 32, 32, 32)
    assert other.drawn_as({"contrast": "T2w"}) == {
        "spatial": [32, 32, 32],
        "spacing_mm": pytest.approx([7.52, 7.52, 5.44]),  # the same field of view
        "channels": ["T2w"],
    }
    _, finer = sampled(nvidia, size=(32, 32, 32), spacing_mm=(1.0, 1.0, 1.0))
    assert not np.array_equal(small, finer)  # the network is told


def test_a_contrast_with_another_skull_than_the_model_has_is_refused(nvidia: Path) -> None:
    generator = load(f"monai:{nvidia}")
    with pytest.raises(OptionError, match="T2w stripped"):
        generator.images(1, condition={"contrast": "T2w", "skull": "stripped"})


def test_a_field_of_view_far_from_training_is_warned_of(
    nvidia: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sampled(nvidia)
    assert "field of view" not in capsys.readouterr().err
    sampled(nvidia, spacing_mm=(1.0, 1.0, 1.0))
    assert "the field of view is 64 × 64 × 32 mm; T1w was trained on" in capsys.readouterr().err


def test_windows_decode_nearly_the_same_image(nvidia: Path) -> None:
    _, whole = sampled(nvidia)
    _, parts = sampled(nvidia, window=8)  # of latents of 16 × 16 × 8
    assert not np.array_equal(whole, parts)
    assert np.abs(whole - parts).mean() < 0.5 * whole.std()


def test_memory_is_told_first_and_falls_with_the_window(
    zoo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sampled(zoo)
    assert "an image takes about" in capsys.readouterr().err
    bundle = read_folder(zoo).bundle.model_copy(update={"size": [160, 224, 160]})
    needs = [
        memory_of(bundle, PERSON, size=bundle.size, window=w, guidance=0, half=False)
        for w in (80, 16)
    ]
    assert needs[1] < 0.9 * needs[0]


def test_too_little_memory_is_refused_before_anything_is_drawn(
    zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainzoo_monai.generator.memory_of", lambda *_, **__: 10**15)
    with pytest.raises(OptionError, match=r"about 1000000\.0 GB of memory") as refused:
        sampled(zoo)
    assert "--window 16" in refused.value.hint


def test_options_of_the_other_family_and_of_gpus_are_refused(zoo: Path) -> None:
    for options in ({"size": (32, 32, 32)}, {"spacing_mm": (1.0, 1.0, 1.0)}, {"guidance": 2.0}):
        with pytest.raises(OptionError, match="this model has no"):
            sampled(zoo, **options)
    if not torch.cuda.is_available():
        with pytest.raises(OptionError, match="needs a GPU"):
            sampled(zoo, precision="fp16")


def test_it_does_not_train(zoo: Path) -> None:
    with pytest.raises(OptionError, match="does not train"):
        load(f"monai:{zoo}").fit(None, None)


@pytest.mark.parametrize("family", ["zoo", "nvidia"])
def test_a_mark_in_the_decoder_lies_where_it_should_in_the_nifti(
    family: str, zoo: Path, nvidia: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A made-up decoder marks one voxel near the start of x, near the ends of y and z."""
    from click.testing import CliRunner

    from brainzoo.cli import main

    def decode(self: Networks, z: torch.Tensor, window: int) -> torch.Tensor:
        image = torch.zeros(1, 1, *(8 * s if family == "zoo" else 4 * s for s in z.shape[2:]))
        image[0, 0, 2, -4, -6] = 1
        return image

    monkeypatch.setattr(Networks, "decode", decode)
    source = zoo if family == "zoo" else nvidia
    made, out = str(tmp_path / "made"), str(tmp_path / "out")
    drawing = ["sample", f"monai:{source}", "-n", "1", "--steps", "1", "--workers", "1"]
    for words in ([*drawing, "--out", made], ["export", made, "--to", "nifti", "--out", out]):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
    volume = nib.load(tmp_path / "out" / "000000.nii.gz")
    assert nib.aff2axcodes(volume.affine) == ("R", "A", "S")
    data = np.asarray(volume.dataobj)
    (place,) = np.argwhere(data > 0.5)
    world = volume.affine @ [*place, 1]
    size, spacing = np.array(data.shape), np.array(volume.header.get_zooms())
    if family == "zoo":
        assert tuple(spacing) == (1, 1, 1)
        assert list(place) == [size[0] - 3, size[1] - 4, size[2] - 6]
        assert world[0] > 0  # the first voxels of UK Biobank's x axis are the person's right
    else:
        assert spacing == pytest.approx([3.76, 3.76, 5.44])
        assert list(place) == [2, size[1] - 4, size[2] - 6]
        assert world[0] < 0
    assert world[1] > 0
    assert world[2] > 0
    centre = (size - 1) / 2
    assert np.abs(volume.affine[:3, :3] @ centre + volume.affine[:3, 3]).max() < 1e-3


def test_samples_say_whose_they_are(nvidia: Path, tmp_path: Path) -> None:
    generator = load(f"monai:{nvidia}", steps=1)
    images = generator.write_images(tmp_path / "out", 1, condition={"contrast": "FLAIR"}, workers=1)
    assert images.info["channels"] == ["FLAIR"]
    assert images.info["spacing_mm"] == pytest.approx([3.76, 3.76, 5.44])
    assert images.info["synthetic"] is True
    assert Images.open(tmp_path / "out", verify=True).spatial == (64, 64, 32)
    config = json.loads((generator.folder / "config.json").read_text())
    assert config["verify"] is None
    assert config["bundle"]["scale_factor"] == pytest.approx(0.9)


def test_a_folder_is_converted_once_and_anew_when_it_changes(zoo: Path, tmp_path: Path) -> None:
    copy = zoo_bundle(tmp_path / "bundle")
    first = load(f"monai:{copy}").folder
    before = (first / "model.safetensors").stat().st_mtime_ns
    assert load(f"monai:{copy}").folder == first
    assert (first / "model.safetensors").stat().st_mtime_ns == before
    edited(copy, "inference.json", lambda c: c["scheduler"].update(beta_end=0.03))
    assert load(f"monai:{copy}").folder != first


# The real configurations, on the meta device. What is known of the published weights: file sizes
# of the Hub (55.1 MB, 2.21 GB, 83.8 MB), parameters as others count them (553 million), and what
# the configurations say of single tensors.


def shapes(network: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def megabytes(found: Mapping[str, tuple[int, ...]]) -> float:
    return sum(4 * int(np.prod(shape)) for shape in found.values()) / 1e6


def test_the_real_latent_diffusion_model_has_the_published_shapes(tmp_path: Path) -> None:
    write_configs(tmp_path, configs_of_zoo())
    for name in ("autoencoder.pt", "model.pt"):
        (tmp_path / "models" / name).touch()
    found = read_folder(tmp_path)
    bundle = found.bundle
    assert (bundle.size, bundle.shrink, found.channel) == ([160, 224, 160], 8, "T1w")
    with torch.device("meta"):
        autoencoder, diffusion = shapes(build(bundle.autoencoder)), shapes(build(bundle.diffusion))
    assert megabytes(autoencoder) == pytest.approx(55.1, abs=0.05)
    assert megabytes(diffusion) == pytest.approx(2213, abs=5)
    assert megabytes(diffusion) / 4 == pytest.approx(553, abs=0.5)
    known = {
        "conv_in.conv.weight": (256, 7, 3, 3, 3),
        "time_embed.0.weight": (1024, 256),
        "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight": (512, 4),
        "down_blocks.2.attentions.0.transformer_blocks.0.attn2.to_k.weight": (768, 4),
        "out.2.conv.weight": (3, 256, 3, 3, 3),
    }
    assert {name: diffusion[name] for name in known} == known
    assert autoencoder["encoder.blocks.0.conv.weight"] == (64, 1, 3, 3, 3)
    assert autoencoder["post_quant_conv.conv.weight"] == (3, 3, 1, 1, 1)


def test_the_real_maisi_model_has_the_published_shapes(tmp_path: Path) -> None:
    write_configs(tmp_path, configs_of_nvidia())
    for name in ("autoencoder_v1.pt", "diff_unet_3d_rflow-mr-brain_v1.pt"):
        (tmp_path / "models" / name).touch()
    bundle = read_folder(tmp_path).bundle
    assert (bundle.size, bundle.shrink, bundle.guidance) == ([256, 256, 128], 4, 2)
    assert bundle.contrasts["T1w stripped"] == 29
    with torch.device("meta"):
        autoencoder, diffusion = shapes(build(bundle.autoencoder)), shapes(build(bundle.diffusion))
    assert megabytes(autoencoder) == pytest.approx(83.8, abs=0.05)
    known = {
        "conv_in.conv.weight": (64, 4, 3, 3, 3),
        "class_embedding.weight": (128, 256),
        "spacing_layer.0.weight": (256, 3),
        "out.2.conv.weight": (4, 64, 3, 3, 3),
    }
    assert {name: diffusion[name] for name in known} == known


def test_a_damaged_checkpoint_of_a_bundle_is_refused(zoo: Path, tmp_path: Path) -> None:
    MonaiModel.convert(zoo, tmp_path / "checkpoint", {})
    path = tmp_path / "checkpoint" / "config.json"
    config = json.loads(path.read_text())
    config["bundle"]["diffusion"]["channels"] = [2048] * 6
    path.write_text(json.dumps(config))
    with pytest.raises(IntegrityError):
        load(tmp_path / "checkpoint")
