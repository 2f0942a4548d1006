"""What of a bundle's configuration is taken: an allow-list of classes, parameters and ranges.

A definition read from a bundle, and the same one read back from a checkpoint, is checked in the
same way; what is not listed here is refused. The classes are MONAI's own, by their own parameters.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Channels = Annotated[int, Field(ge=1, le=2048)]
Few = Annotated[int, Field(ge=1, le=8)]
Small = Annotated[int, Field(ge=1, le=64)]
Positive = Annotated[float, Field(gt=0, lt=1e6, allow_inf_nan=False)]
Levels = Annotated[list[Channels], Field(min_length=1, max_length=6)]
Flags = Annotated[list[bool], Field(min_length=1, max_length=6)]
Blocks = Few | Annotated[list[Few], Field(min_length=1, max_length=6)]
Heads = Annotated[list[Annotated[int, Field(ge=0, le=2048)]], Field(min_length=1, max_length=6)]
Text = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]


class Definition(BaseModel):
    """Exactly these parameters, each of exactly its type."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    def arguments(self) -> dict[str, Any]:
        """Return the parameters as MONAI's class takes them."""
        return self.model_dump(exclude={"target"})


class Autoencoder(Definition):
    """``monai.networks.nets.AutoencoderKL``."""

    target: Literal["AutoencoderKL"] = "AutoencoderKL"
    spatial_dims: Literal[3]
    in_channels: Small = 1
    out_channels: Small = 1
    num_res_blocks: Blocks = [2, 2, 2, 2]
    channels: Levels
    attention_levels: Flags
    latent_channels: Small = 3
    norm_num_groups: Small = 32
    norm_eps: Positive = 1e-6
    with_encoder_nonlocal_attn: bool = True
    with_decoder_nonlocal_attn: bool = True
    use_checkpoint: Literal[False] = False
    use_convtranspose: bool = False
    include_fc: bool = True
    use_combined_linear: bool = False
    use_flash_attention: bool = False


class UNet(Definition):
    """``monai.networks.nets.DiffusionModelUNet``."""

    target: Literal["DiffusionModelUNet"] = "DiffusionModelUNet"
    spatial_dims: Literal[3]
    in_channels: Small
    out_channels: Small
    num_res_blocks: Blocks = [2, 2, 2, 2]
    channels: Levels
    attention_levels: Flags
    norm_num_groups: Small = 32
    norm_eps: Positive = 1e-6
    resblock_updown: bool = False
    num_head_channels: Channels | Heads = 8
    with_conditioning: bool = False
    transformer_num_layers: Few = 1
    cross_attention_dim: Small | None = None
    num_class_embeds: None = None
    upcast_attention: bool = False
    dropout_cattn: float = 0.0
    include_fc: bool = True
    use_combined_linear: bool = False
    use_flash_attention: bool = False


class MaisiAutoencoder(Definition):
    """``monai.apps.generation.maisi.networks.autoencoderkl_maisi.AutoencoderKlMaisi``."""

    target: Literal["AutoencoderKlMaisi"] = "AutoencoderKlMaisi"
    spatial_dims: Literal[3]
    in_channels: Small
    out_channels: Small
    num_res_blocks: Annotated[list[Few], Field(min_length=1, max_length=6)]
    num_channels: Levels
    attention_levels: Flags
    latent_channels: Small = 3
    norm_num_groups: Small = 32
    norm_eps: Positive = 1e-6
    with_encoder_nonlocal_attn: bool = False
    with_decoder_nonlocal_attn: bool = False
    include_fc: bool = False
    use_combined_linear: bool = False
    use_flash_attention: bool = False
    use_checkpointing: Literal[False] = False
    use_convtranspose: bool = False
    norm_float16: bool = False
    num_splits: Annotated[int, Field(ge=1, le=64)] = 16
    dim_split: Literal[0, 1, 2] = 0
    print_info: Literal[False] = False
    save_mem: bool = True


class MaisiUNet(Definition):
    """``monai.apps.generation.maisi.networks.diffusion_model_unet_maisi.DiffusionModelUNetMaisi``.

    Body regions, of CT, are not taken.
    """

    target: Literal["DiffusionModelUNetMaisi"] = "DiffusionModelUNetMaisi"
    spatial_dims: Literal[3]
    in_channels: Small
    out_channels: Small
    num_res_blocks: Blocks = [2, 2, 2, 2]
    num_channels: Levels
    attention_levels: Flags
    norm_num_groups: Small = 32
    norm_eps: Positive = 1e-6
    resblock_updown: bool = False
    num_head_channels: Channels | Heads = 8
    with_conditioning: Literal[False] = False
    transformer_num_layers: Few = 1
    cross_attention_dim: None = None
    num_class_embeds: Annotated[int, Field(ge=1, le=1024)] | None = None
    upcast_attention: bool = False
    include_fc: bool = False
    use_combined_linear: bool = False
    use_flash_attention: bool = False
    dropout_cattn: float = 0.0
    include_top_region_index_input: Literal[False] = False
    include_bottom_region_index_input: Literal[False] = False
    include_spacing_input: bool = False


class DDIM(Definition):
    """``monai.networks.schedulers.DDIMScheduler``."""

    target: Literal["DDIMScheduler"] = "DDIMScheduler"
    num_train_timesteps: Annotated[int, Field(ge=1, le=10_000)] = 1000
    schedule: Literal["linear_beta", "scaled_linear_beta"] = "linear_beta"
    beta_start: Positive = 1e-4
    beta_end: Positive = 2e-2
    clip_sample: bool = True
    clip_sample_min: float = -1.0
    clip_sample_max: float = 1.0
    set_alpha_to_one: bool = True
    steps_offset: Annotated[int, Field(ge=0, le=10_000)] = 0
    prediction_type: Literal["epsilon", "sample", "v_prediction"] = "epsilon"


class RFlow(Definition):
    """``monai.networks.schedulers.RFlowScheduler``."""

    target: Literal["RFlowScheduler"] = "RFlowScheduler"
    num_train_timesteps: Annotated[int, Field(ge=1, le=10_000)] = 1000
    use_discrete_timesteps: bool = True
    sample_method: Literal["uniform", "logit-normal"] = "uniform"
    loc: float = 0.0
    scale: Positive = 1.0
    use_timestep_transform: bool = False
    transform_scale: Positive = 1.0
    steps_offset: Annotated[int, Field(ge=0, le=10_000)] = 0
    base_img_size_numel: Annotated[int, Field(ge=1, le=2**30)] = 32**3
    spatial_dim: Literal[3] = 3


TARGETS: dict[str, type[Definition]] = {
    f"{module}.{name}": kind
    for kind, name, modules in (
        (Autoencoder, "AutoencoderKL", ("nets", "nets.autoencoderkl")),
        (UNet, "DiffusionModelUNet", ("nets", "nets.diffusion_model_unet")),
        (DDIM, "DDIMScheduler", ("schedulers", "schedulers.ddim")),
        (RFlow, "RFlowScheduler", ("schedulers", "schedulers.rectified_flow")),
    )
    for module in (f"monai.networks.{part}" for part in modules)
} | {
    f"monai.apps.generation.maisi.networks.{module}": kind
    for module, kind in (
        ("autoencoderkl_maisi.AutoencoderKlMaisi", MaisiAutoencoder),
        ("diffusion_model_unet_maisi.DiffusionModelUNetMaisi", MaisiUNet),
    )
}
"""The classes that a ``_target_`` may name."""


class Condition(Definition):
    """One number that the network is told.

    Attributes:
        name: As people ask for it.
        levels: What a category may be; the network is told the index. Empty for a number.
        low: The value that the network knows as 0.
        high: The value that the network knows as 1.
        unit: Of these.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,30}$")]
    levels: list[Text] = []
    low: float = 0.0
    high: float = 1.0
    unit: str = ""


class Origin(Definition):
    """A file that the checkpoint was converted from."""

    address: Annotated[str, Field(max_length=600)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


Side = Annotated[int, Field(ge=8, le=640)]
Triple = Annotated[list[Positive], Field(min_length=3, max_length=3)]


class Bundle(Definition):
    """All that sampling needs; a checkpoint's ``config.json`` holds it under ``bundle``.

    Attributes:
        scale_factor: Latents were multiplied by it before the diffusion model saw them.
        size: Voxels along x, y and z of an image.
        spacing_mm: Their size.
        orientation: Axis codes of what the decoder makes; images are turned to RAS.
        steps: From noise to image.
        guidance: How much the contrast is exaggerated.
        conditions: Of latent diffusion, in the order of the network's numbers.
        contrasts: Of MAISI: the network's number of each contrast, whole and skull-stripped.
        fields_mm: Fields of view that the model has seen, by contrast; empty if not known.
    """

    autoencoder: Annotated[Autoencoder | MaisiAutoencoder, Field(discriminator="target")]
    diffusion: Annotated[UNet | MaisiUNet, Field(discriminator="target")]
    scheduler: Annotated[DDIM | RFlow, Field(discriminator="target")]
    scale_factor: Positive = 1.0
    size: Annotated[list[Side], Field(min_length=3, max_length=3)]
    spacing_mm: Triple
    orientation: Annotated[str, Field(pattern="^[RL][AP][SI]$")] = "RAS"
    steps: Annotated[int, Field(ge=1, le=1000)] = 50
    guidance: Annotated[float, Field(ge=0, le=50)] = 0.0
    conditions: Annotated[list[Condition], Field(max_length=32)] = []
    contrasts: Annotated[
        dict[Text, Annotated[int, Field(ge=0, lt=1024)]], Field(max_length=64)
    ] = {}
    fields_mm: Annotated[dict[Text, list[Triple]], Field(max_length=64)] = {}
    origin: Annotated[list[Origin], Field(max_length=100)] = []

    @property
    def maisi(self) -> bool:
        """Whether it is of the MAISI family."""
        return isinstance(self.diffusion, MaisiUNet)

    @property
    def shrink(self) -> int:
        """Voxels of an image along a side of a latent voxel."""
        own = self.autoencoder
        levels = own.num_channels if isinstance(own, MaisiAutoencoder) else own.channels
        return int(2 ** (len(levels) - 1))

    @property
    def multiple(self) -> int:
        """What each side of an image must be divisible by: both networks halve it."""
        own = self.diffusion
        levels = own.num_channels if isinstance(own, MaisiUNet) else own.channels
        return int(self.shrink * 2 ** (len(levels) - 1))
