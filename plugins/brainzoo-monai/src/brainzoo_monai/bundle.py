"""Reading a bundle's folder without trusting it: which networks, which weights, how to sample.

Two layouts are known: the MONAI model zoo's (``configs/inference.json``, ``configs/metadata.json``,
``models/``) and that of NVIDIA's NV-Generate-CTMR (``configs/config_network_*.json`` and what goes
with it). References (``@name``) to plain values are followed; ``$`` expressions are never
evaluated, and refused where something that is needed hides behind one.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ValidationError

from brainzoo.api import IntegrityError, NotFoundError
from brainzoo_monai import facts
from brainzoo_monai.definitions import (
    DDIM,
    TARGETS,
    Autoencoder,
    Bundle,
    Condition,
    Definition,
    MaisiAutoencoder,
    MaisiUNet,
    RFlow,
    UNet,
)

MOST_BYTES = 1_000_000
"""Of a configuration file."""


@dataclasses.dataclass(frozen=True)
class Folder:
    """What a folder holds.

    Attributes:
        bundle: Networks, scheduler and how to sample, without what only the weights know.
        autoencoder: The file of its weights.
        diffusion: The file of its weights.
        old: Whether the weights may have the names of MONAI's predecessor, GenerativeModels.
        channel: Name of the image channel.
        data: What the metadata say of the training data, as a checkpoint's ``dataset`` holds it.
    """

    bundle: Bundle
    autoencoder: Path
    diffusion: Path
    old: bool
    channel: str
    data: dict[str, str]


def read_folder(root: Path) -> Folder:
    """Return what a bundle's folder holds.

    Raises:
        NotFoundError: A file is missing, or the folder is of neither layout.
        IntegrityError: Something in it is not known, not plain, or not safe.
    """
    networks = sorted((root / "configs").glob("config_network_*.json"))
    if (root / "configs" / "inference.json").is_file():
        found = _latent_diffusion(root)
    elif networks:
        found = _maisi(root, networks)
    else:
        raise NotFoundError(
            f"{root} is not a bundle: it has neither configs/inference.json nor "
            "configs/config_network_*.json.",
            "Give the folder that holds configs/ and models/.",
        )
    if any(side % found.bundle.multiple for side in found.bundle.size):
        raise IntegrityError(
            f"images of {found.bundle.size} voxels are not divisible by {found.bundle.multiple}, "
            "as the bundle's networks need."
        )
    return found


def validated(kind: type[BaseModel], values: Any, where: str) -> Any:
    """Return plain values as a definition.

    Raises:
        IntegrityError: One line: where the first problem is, and what it is.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:100]
        said = f"{first['msg'][:1].lower()}{first['msg'][1:]}"
        found = repr(first.get("input"))[:60]
        raise IntegrityError(f"{where}: {place}: {said}, found {found}.") from None


def _latent_diffusion(root: Path) -> Folder:
    name = "configs/inference.json"
    config, metadata = _json(root, name), _json(root, "configs/metadata.json", {})
    found = _definitions(config, name)
    autoencoder, diffusion = found.get(Autoencoder), found.get(UNet)
    scheduler = found.get(DDIM)
    if not isinstance(autoencoder, Autoencoder) or not isinstance(diffusion, UNet) or not scheduler:
        raise IntegrityError(
            f"{name} defines no AutoencoderKL, DiffusionModelUNet and DDIMScheduler of MONAI."
        )
    uk_biobank = facts.UK_BIOBANK in str(metadata.get("data_source", "")).lower()
    formats = metadata.get("network_data_format") or {}
    values = {
        "autoencoder": autoencoder,
        "diffusion": diffusion,
        "scheduler": scheduler,
        "size": _size(config, formats, autoencoder, name),
        "spacing_mm": _spacing(str(metadata.get("image_classes", ""))),
        "orientation": "LAS" if uk_biobank else "RAS",
        "conditions": _conditions(formats, diffusion, autoencoder, uk_biobank),
    }
    contrast = re.search(r"\b(T1|T2|FLAIR|PD)", str(metadata.get("image_classes", "")), re.I)
    names = {"T1": "T1w", "T2": "T2w", "PD": "PDw", "FLAIR": "FLAIR"}
    return Folder(
        bundle=validated(Bundle, values, name),
        autoencoder=_first(root, "models/autoencoder.pt", "models/model_autoencoder.pt"),
        diffusion=_first(root, "models/model.pt", "models/diffusion_model.pt"),
        old=True,
        channel=names[contrast[1].upper()] if contrast else "MR",
        data=_data(metadata),
    )


def _maisi(root: Path, networks: list[Path]) -> Folder:
    name = f"configs/{networks[0].name}"
    for path in networks:  # rectified flow rather than DDPM, which is of CT
        if "RFlowScheduler" in path.read_text(encoding="utf-8", errors="replace")[:MOST_BYTES]:
            name = f"configs/{path.name}"
    config = _json(root, name)
    found = _definitions(config, name, ("autoencoder_def", "diffusion_unet_def", "noise_scheduler"))
    autoencoder, diffusion = found.get(MaisiAutoencoder), found.get(MaisiUNet)
    scheduler = found.get(RFlow)
    if not isinstance(diffusion, MaisiUNet) or not autoencoder or not scheduler:
        raise IntegrityError(
            f"{name} defines no AutoencoderKlMaisi, DiffusionModelUNetMaisi and RFlowScheduler."
        )
    environment, weights = _environment(root)
    inference = _json(root, f"configs/{environment.replace('environment_', 'config_')}")
    wanted = inference.get("diffusion_unet_inference")
    if not isinstance(wanted, dict):
        raise IntegrityError(f"{environment} goes with no diffusion_unet_inference.")
    mapping = _json(root, "configs/modality_mapping.json", facts.MAPPING)
    values = {
        "autoencoder": autoencoder,
        "diffusion": diffusion,
        "scheduler": scheduler,
        "size": wanted.get("dim"),
        "spacing_mm": wanted.get("spacing"),
        "steps": wanted.get("num_inference_steps", 30),
        "guidance": wanted.get("cfg_guidance_scale", 0.0),
        "contrasts": _contrasts(mapping, diffusion.num_class_embeds),
        "fields_mm": facts.FIELDS_MM if "mr-brain" in environment else {},
    }
    bundle = validated(Bundle, values, name)
    return Folder(bundle, *weights, old=False, channel="T1w", data={"name": "unknown"})


def _definitions(
    config: Mapping[str, Any], where: str, names: tuple[str, ...] = ()
) -> dict[type[Definition], Definition]:
    """Return the networks and schedulers that a configuration defines, by their kind.

    Definitions of other things, which nothing here needs, are passed over.
    """
    found: dict[type[Definition], Definition] = {}
    for name in names or config:
        values = config.get(name)
        target = values.get("_target_") if isinstance(values, dict) else None
        if not isinstance(values, dict) or target is None:
            continue
        needed = names or re.search(r"(autoencoder|diffusion|network)_def$|scheduler$", name)
        kind = TARGETS.get(target) if isinstance(target, str) else None
        if kind is None:
            if needed:
                raise IntegrityError(
                    f"{where}: {name} is of {str(target)[:80]!r}, which is not allowed.",
                    "Only networks and schedulers of MONAI itself are built.",
                )
            continue
        plain = {
            key: _plain(value, config, f"{where}: {name}.{key}")
            for key, value in values.items()
            if key not in ("_target_", "_requires_", "_disabled_", "_desc_")
        }
        definition = validated(kind, plain, f"{where}: {name}")
        if found.setdefault(kind, definition) != definition:
            raise IntegrityError(f"{where} defines two different {definition.target}.")
    return found


def _plain(value: Any, config: Mapping[str, Any], where: str, depth: int = 0) -> Any:
    """Return a value with references followed; expressions are refused, not evaluated."""
    if isinstance(value, list):
        return [_plain(one, config, where, depth) for one in value[:100]]
    if not isinstance(value, str):
        return value
    if value.startswith("$"):
        raise IntegrityError(
            f"{where} is the expression {value[:60]!r}; brainzoo evaluates none.",
            "Write the value itself into the file.",
        )
    if value.startswith("@"):
        if depth > 8 or value[1:] not in config:
            raise IntegrityError(f"{where} refers to {value[:60]!r}, which is not there.")
        return _plain(config[value[1:]], config, where, depth + 1)
    return value


def _size(
    config: Mapping[str, Any], formats: Mapping[str, Any], autoencoder: Any, where: str
) -> list[int]:
    """Return the voxels of an image: from the latent's shape, else from the metadata."""
    shrink = 2 ** (len(autoencoder.channels) - 1)
    latent = config.get("latent_shape")
    if isinstance(latent, list) and len(latent) == 4:
        latent = _plain(latent, config, f"{where}: latent_shape")
        return [side * shrink if isinstance(side, int) else side for side in latent[1:]]
    try:
        size = formats["outputs"]["pred"]["spatial_shape"]
        whole = [side - side % shrink for side in size]
    except (KeyError, TypeError):
        raise IntegrityError(
            f"{where} has no latent_shape, and metadata.json no spatial_shape of its output."
        ) from None
    if whole != size:
        raise IntegrityError(f"the output of {size} is not divisible by {shrink}.")
    return whole


def _spacing(text: str) -> list[float]:
    """Return the voxel size that ``T1w head MRI with 1x1x1 mm voxel size`` states; 1 mm if none."""
    found = re.search(r"(\d+(?:\.\d+)?)\s*x\s*(\d+(?:\.\d+)?)\s*x\s*(\d+(?:\.\d+)?)\s*mm", text)
    return [float(number) for number in found.groups()] if found else [1.0, 1.0, 1.0]


def _conditions(
    formats: Mapping[str, Any], diffusion: UNet, autoencoder: Autoencoder, uk_biobank: bool
) -> list[Condition]:
    """Return what the network is told, named by the metadata.

    The numbers are told twice, as Pinaya et al. do: as channels of the latent, and as context.
    """
    count = diffusion.in_channels - autoencoder.latent_channels
    if count == 0 and not diffusion.with_conditioning:
        return []
    if count < 0 or diffusion.cross_attention_dim != count:
        raise IntegrityError(
            f"the diffusion model takes {diffusion.in_channels} channels and a context of "
            f"{diffusion.cross_attention_dim}; expected {autoencoder.latent_channels} latent "
            "channels and its conditions, in both.",
            "Bundles that are told conditions in another way are not known.",
        )
    try:
        channels = next(iter(formats["inputs"].values()))["channel_def"]
        names = [str(channels[str(index)]).lower() for index in range(count)]
    except (KeyError, TypeError, StopIteration, AttributeError):
        names = [f"condition {chr(ord('a') + index)}" for index in range(count)]
    known = facts.CONDITIONS if uk_biobank else {}
    return [
        known.get(name)
        or validated(Condition, {"name": re.sub("[^a-z]+", "_", name).strip("_")}, "metadata.json")
        for name in names
    ]


def _contrasts(mapping: Mapping[str, Any], embeddings: int | None) -> dict[str, int]:
    """Return the network's number of each contrast of the brain; ``stripped`` ones apart."""
    found = {}
    for name, number in mapping.items():
        contrast = facts.CONTRASTS.get(name.removesuffix(facts.STRIPPED))
        if contrast and isinstance(number, int) and embeddings and 0 <= number < embeddings:
            stripped = " stripped" if name.endswith(facts.STRIPPED) else ""
            found[f"{contrast}{stripped}"] = number
    return found


def _environment(root: Path) -> tuple[str, tuple[Path, Path]]:
    """Return the name of the environment file whose weights are here, and the weights."""
    here = []
    for path in sorted((root / "configs").glob("environment_maisi_diff_model*.json")):
        environment = _json(root, f"configs/{path.name}")
        folder, file = str(environment.get("model_dir")), str(environment.get("model_filename"))
        names = (str(environment.get("trained_autoencoder_path")), f"{folder}/{file}")
        paths = tuple(_inside(root, name) for name in names)
        if all(found.is_file() for found in paths):
            here.append((path.name, (paths[0], paths[1])))
    brains = [found for found in here if "brain" in found[0]] or here
    if len(brains) != 1:
        raise NotFoundError(
            f"{root} holds the weights of {len(brains)} models that an "
            "environment_maisi_diff_model_*.json names; expected one.",
            "They lie where upstream's download script puts them: models/*.pt.",
        )
    return brains[0]


def _data(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return whose data a bundle was trained on, as far as its metadata say."""
    references = metadata.get("references")
    cited = references[0] if isinstance(references, list) and references else ""
    found = {
        "name": metadata.get("data_source") or "unknown",
        "citation": cited,
        "url": metadata.get("data_source") or "",
    }
    return {key: re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", str(found[key]))[:290] for key in found}


def _first(root: Path, *names: str) -> Path:
    for name in names:
        if (path := _inside(root, name)).is_file():
            return path
    raise NotFoundError(f"{root} lacks {names[0]}.", "Download its weights as its page says.")


def _inside(root: Path, name: str) -> Path:
    """Return a file below a folder, whatever a configuration says.

    Raises:
        IntegrityError: The path leads outside, by its name or by a link.
    """
    parts = PurePosixPath(name).parts
    path = root.joinpath(*parts)
    outside = not path.resolve().is_relative_to(root.resolve())
    if "\\" in name or PurePosixPath(name).is_absolute() or ".." in parts or outside:
        raise IntegrityError(
            f"{name[:100]!r} leads outside of the bundle's folder; it is refused.",
            "Copy the files themselves into it (cp -L), not links.",
        )
    return path


def _json(root: Path, name: str, default: dict[str, Any] | None = None) -> dict[str, Any]:
    path = _inside(root, name)
    if not path.is_file():
        if default is not None:
            return default
        raise NotFoundError(f"{root} lacks {name}.")
    if path.stat().st_size > MOST_BYTES:
        raise IntegrityError(f"{name} is over {MOST_BYTES} bytes, too large for a configuration.")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        said = " ".join(str(error).split())[:100]
        raise IntegrityError(f"{name} is not JSON: {said}.") from None
    if not isinstance(found, dict):
        raise IntegrityError(f"{name} holds {type(found).__name__}; expected names and values.")
    return found
