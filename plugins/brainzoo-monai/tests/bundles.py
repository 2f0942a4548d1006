"""Tiny bundles of MONAI's own classes, in exactly the layouts that are published."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from monai.apps.generation.maisi.networks.autoencoderkl_maisi import AutoencoderKlMaisi
from monai.apps.generation.maisi.networks.diffusion_model_unet_maisi import DiffusionModelUNetMaisi
from monai.networks.nets import AutoencoderKL, DiffusionModelUNet

UK_BIOBANK = {
    "data_source": "https://www.ukbiobank.ac.uk/",
    "image_classes": "T1w head MRI with 1x1x1 mm voxel size",
    "network_data_format": {
        "inputs": {
            "image": {
                "channel_def": {
                    "0": "Gender",
                    "1": "Age",
                    "2": "Ventricular volume",
                    "3": "Brain volume",
                }
            }
        },
        "outputs": {"pred": {"spatial_shape": [160, 224, 160], "channel_def": {"0": "T1w"}}},
    },
}
AUTOENCODER: dict[str, Any] = {
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 1,
    "latent_channels": 3,
    "channels": [64, 128, 128, 128],
    "num_res_blocks": 2,
    "norm_num_groups": 32,
    "norm_eps": 1e-06,
    "attention_levels": [False, False, False, False],
    "with_encoder_nonlocal_attn": False,
    "with_decoder_nonlocal_attn": False,
}
DIFFUSION: dict[str, Any] = {
    "spatial_dims": 3,
    "in_channels": 7,
    "out_channels": 3,
    "channels": [256, 512, 768],
    "num_res_blocks": 2,
    "attention_levels": [False, True, True],
    "norm_num_groups": 32,
    "norm_eps": 1e-06,
    "resblock_updown": True,
    "num_head_channels": [0, 512, 768],
    "with_conditioning": True,
    "transformer_num_layers": 1,
    "cross_attention_dim": 4,
    "upcast_attention": True,
    "use_flash_attention": False,
}
TINY_AUTOENCODER = AUTOENCODER | {
    "channels": [8, 8, 8, 8],
    "num_res_blocks": 1,
    "norm_num_groups": 4,
}
TINY_DIFFUSION = DIFFUSION | {
    "channels": [8, 16, 16],
    "num_res_blocks": 1,
    "norm_num_groups": 4,
    "num_head_channels": [0, 16, 16],
}
MAISI_AUTOENCODER: dict[str, Any] = {
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 1,
    "latent_channels": 4,
    "num_channels": [64, 128, 256],
    "num_res_blocks": [2, 2, 2],
    "norm_num_groups": 32,
    "norm_eps": 1e-06,
    "attention_levels": [False, False, False],
    "with_encoder_nonlocal_attn": False,
    "with_decoder_nonlocal_attn": False,
    "use_checkpointing": False,
    "use_convtranspose": False,
    "norm_float16": True,
    "num_splits": 4,
    "dim_split": 1,
}
MAISI_DIFFUSION: dict[str, Any] = {
    "spatial_dims": 3,
    "in_channels": 4,
    "out_channels": 4,
    "num_channels": [64, 128, 256, 512],
    "attention_levels": [False, False, True, True],
    "num_head_channels": [0, 0, 32, 32],
    "num_res_blocks": 2,
    "use_flash_attention": True,
    "include_top_region_index_input": False,
    "include_bottom_region_index_input": False,
    "include_spacing_input": True,
    "num_class_embeds": 128,
    "resblock_updown": True,
    "include_fc": True,
}
TINY_MAISI_AUTOENCODER = MAISI_AUTOENCODER | {
    "num_channels": [8, 8, 16],
    "num_res_blocks": [1, 1, 1],
    "norm_num_groups": 4,
}
TINY_MAISI_DIFFUSION = MAISI_DIFFUSION | {
    "num_channels": [8, 8, 16, 16],
    "num_head_channels": [0, 0, 8, 8],
    "num_res_blocks": 1,
    "norm_num_groups": 4,
}
MAPPING = {"mri_t1": 9, "mri_t2": 10, "mri_flair": 11, "mri_t1_skull_stripped": 29, "ct": 1}


def write_configs(root: Path, files: Mapping[str, Any]) -> None:
    """Write configuration files."""
    for name, content in files.items():
        path = root / "configs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    (root / "models").mkdir(exist_ok=True)


def edited(root: Path, name: str, edit: Any) -> None:
    """Change a configuration file."""
    path = root / "configs" / name
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def configs_of_zoo(
    autoencoder: Mapping[str, Any] = AUTOENCODER,
    diffusion: Mapping[str, Any] = DIFFUSION,
    size: tuple[int, ...] = (160, 224, 160),
) -> dict[str, Any]:
    """Return the model zoo's ``inference.json`` and ``metadata.json``, with expressions."""
    metadata = json.loads(json.dumps(UK_BIOBANK))
    metadata["network_data_format"]["outputs"]["pred"]["spatial_shape"] = list(size)
    inference = {
        "imports": ["$import torch", "$from pathlib import Path"],
        "bundle_root": ".",
        "load_old": 1,
        "model_dir": "$@bundle_root + '/models'",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "autoencoder_def": {"_target_": "monai.networks.nets.AutoencoderKL", **autoencoder},
        "network_def": "@autoencoder_def",
        "load_autoencoder_path": "$@model_dir + '/autoencoder.pt'",
        "diffusion_def": {"_target_": "monai.networks.nets.DiffusionModelUNet", **diffusion},
        "scheduler": {
            "_target_": "monai.networks.schedulers.DDIMScheduler",
            "_requires_": ["@load_diffusion", "@load_autoencoder"],
            "beta_start": 0.0015,
            "beta_end": 0.0205,
            "num_train_timesteps": 1000,
            "schedule": "scaled_linear_beta",
            "clip_sample": False,
        },
        "noise": "$torch.randn((1, 3, 20, 28, 20)).to(@device)",
        "sampler": {"_target_": "scripts.sampler.Sampler", "_requires_": "@set_timesteps"},
        "saver": {"_target_": "SaveImage", "output_dir": "@output_dir"},
        "run": "$@saver(@sample[0][0])",
    }
    return {"inference.json": inference, "metadata.json": metadata}


def zoo_bundle(root: Path, *, old: bool = True, size: tuple[int, ...] = (32, 64, 32)) -> Path:
    """Write a tiny bundle of the model zoo, with weights under old or today's names."""
    write_configs(root, configs_of_zoo(TINY_AUTOENCODER, TINY_DIFFUSION, size))
    networks = filled(AutoencoderKL(**TINY_AUTOENCODER), DiffusionModelUNet(**TINY_DIFFUSION))
    for network, name in zip(networks, ("autoencoder.pt", "model.pt"), strict=True):
        state = network.state_dict()
        torch.save(old_names(state) if old else dict(state), root / "models" / name)
    return root


def configs_of_nvidia(
    autoencoder: Mapping[str, Any] = MAISI_AUTOENCODER,
    diffusion: Mapping[str, Any] = MAISI_DIFFUSION,
    size: tuple[int, ...] = (256, 256, 128),
    spacing_mm: tuple[float, ...] = (0.94, 0.94, 1.36),
) -> dict[str, Any]:
    """Return the files of NV-Generate-CTMR's ``configs`` that sampling needs."""
    networks = "monai.apps.generation.maisi.networks"
    network = {
        "spatial_dims": 3,
        "image_channels": 1,
        "latent_channels": 4,
        "include_body_region": False,
        "autoencoder_def": {
            "_target_": f"{networks}.autoencoderkl_maisi.AutoencoderKlMaisi",
            **autoencoder,
            "spatial_dims": "@spatial_dims",
            "in_channels": "@image_channels",
            "latent_channels": "@latent_channels",
        },
        "diffusion_unet_def": {
            "_target_": f"{networks}.diffusion_model_unet_maisi.DiffusionModelUNetMaisi",
            **diffusion,
            "in_channels": "@latent_channels",
            "include_top_region_index_input": "@include_body_region",
        },
        "controlnet_def": {"_target_": f"{networks}.controlnet_maisi.ControlNetMaisi"},
        "noise_scheduler": {
            "_target_": "monai.networks.schedulers.rectified_flow.RFlowScheduler",
            "num_train_timesteps": 1000,
            "use_discrete_timesteps": False,
            "use_timestep_transform": True,
            "sample_method": "uniform",
            "scale": 1.4,
        },
    }
    environment = {
        "model_dir": "./models",
        "model_filename": "diff_unet_3d_rflow-mr-brain_v1.pt",
        "trained_autoencoder_path": "models/autoencoder_v1.pt",
    }
    inference = {
        "dim": list(size),
        "spacing": list(spacing_mm),
        "num_inference_steps": 30,
        "modality": 9,
        "cfg_guidance_scale": 2,
    }
    return {
        "config_network_rflow.json": network,
        "modality_mapping.json": MAPPING,
        "environment_maisi_diff_model_rflow-mr-brain.json": environment,
        "config_maisi_diff_model_rflow-mr-brain.json": {"diffusion_unet_inference": inference},
    }


def nvidia_bundle(root: Path, *, size: tuple[int, ...] = (64, 64, 32)) -> Path:
    """Write a tiny folder as NV-Generate-CTMR's download script leaves it."""
    tiny = (TINY_MAISI_AUTOENCODER, TINY_MAISI_DIFFUSION)
    write_configs(root, configs_of_nvidia(*tiny, size, (3.76, 3.76, 5.44)))
    autoencoder, diffusion = filled(
        AutoencoderKlMaisi(**{**tiny[0], "norm_float16": False}),
        DiffusionModelUNetMaisi(**{**tiny[1], "use_flash_attention": False}),
    )
    torch.save(autoencoder.state_dict(), root / "models" / "autoencoder_v1.pt")
    content = {
        "epoch": 3,
        "loss": 0.5,
        "num_train_timesteps": 1000,
        "scale_factor": torch.tensor(0.9),
        "unet_state_dict": diffusion.state_dict(),
    }
    torch.save(content, root / "models" / "diff_unet_3d_rflow-mr-brain_v1.pt")
    return root


def filled(*networks: torch.nn.Module) -> tuple[torch.nn.Module, ...]:
    """Give networks weights that depend on nothing, and no layer zeros."""
    generator = torch.Generator().manual_seed(0)
    for network in networks:
        for name, parameter in network.named_parameters():
            if parameter.ndim > 1 or name.endswith("bias"):
                std = 0.15 if parameter.ndim > 1 else 0.05
                torch.nn.init.normal_(parameter, std=std, generator=generator)
    return networks


def old_names(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return weights under the names of GenerativeModels, MONAI's predecessor."""

    def old(name: str) -> str:
        name = name.replace("postconv", "conv")
        if "transformer_blocks" in name:
            return name.replace(".out_proj.", ".to_out.0.")
        return name.replace(".attn.out_proj.", ".proj_attn.").replace(".attn.to_", ".to_")

    return {old(name): value for name, value in state.items()}
