"""What ``config.json`` of a checkpoint holds, strictly, and how large what it asks for may be.

A plugin may store more under names of its own (``conditions``, ``prior``); it checks these itself.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from brainzoo.common.strict import (
    CONTROL,
    Count,
    Digest,
    Distribution,
    PluginName,
    Prose,
    Seed,
    Spacing,
    Strict,
    Text,
    exactly,
    validated,
)

FORMAT = 1
REFERENCE_SAMPLES = {2: 16, 3: 2}
"""How many samples are kept for verification, by spatial rank: pictures are small, volumes not."""
TOLERANCE = 2 / 255
"""How far a reference sample may differ on other hardware: summation orders differ."""
MAX_VALUES = 2**28
"""How many values an image may have: a volume of 640 on each side."""
MOST_AT_ONCE = 64
"""How many samples may be computed at once."""

MAX_PARTS = 1000
"""How long a list or text among the hyperparameters may be."""


def _are_versions(text: str) -> str:
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        raise ValueError("is not a range of versions such as '~=0.1.0'") from None
    return text


def _hold_plain_values(values: dict[str, Any]) -> dict[str, Any]:
    def is_plain(value: object) -> bool:
        if isinstance(value, str):
            return len(value) <= MAX_PARTS
        if isinstance(value, float):
            return math.isfinite(value)
        return value is None or (isinstance(value, int) and abs(value) < 2**53)

    for name, value in values.items():
        parts = value if isinstance(value, list) else [value]
        if len(parts) > MAX_PARTS or not all(map(is_plain, parts)):
            raise ValueError(f"{name!r} is not a plain value, or too large")
    return values


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Side = Annotated[int, Field(ge=1, le=16_384)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Open(Strict):
    """What may hold more than is checked here."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)


class PluginPart(Strict):
    """Who made it, and which versions may load it."""

    name: PluginName
    distribution: Distribution
    version: Text
    requires: Annotated[str, Field(max_length=200), AfterValidator(_are_versions)]


class ImagesPart(Strict):
    """What a generator must know of the images that it makes."""

    channels: Annotated[int, Field(ge=1, le=256)]
    spatial: Annotated[list[Side], Field(min_length=2, max_length=3)]
    classes: Annotated[list[Text], Field(max_length=1000)]
    class_shares: Annotated[list[Share], Field(max_length=1000)]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.channels * math.prod(self.spatial) > MAX_VALUES:
            raise ValueError(f"an image may have {MAX_VALUES} values at most")
        if not len(set(self.classes)) == len(self.classes) == len(self.class_shares):
            raise ValueError("classes need different names and a share each")
        return self


LabelValue = Annotated[str, Field(pattern=exactly("[1-9][0-9]{0,4}"))]


class PreprocessingPart(Open):
    """How the training images were prepared."""

    spacing_mm: Annotated[list[Spacing], Field(min_length=2, max_length=3)] | None = None
    channels: Annotated[list[Text], Field(min_length=1, max_length=64)] | None = None
    labels: Annotated[dict[LabelValue, Text], Field(max_length=64)] | None = None


class DatasetPart(Open):
    """Where the training images come from."""

    name: Text | None = None
    license: Annotated[str, Field(max_length=300, pattern=rf"^[^\t\n{CONTROL}]*$")] | None = None
    citation: Annotated[str, Field(max_length=5000)] | None = None
    url: Annotated[str, Field(max_length=500)] | None = None
    simulated: bool | None = None


class TrainedOnPart(Open):
    """Whom it was trained on: counts and salted hashes."""

    dataset: DatasetPart
    n_subjects: Count
    n_images: Count
    salt: Annotated[str, Field(pattern=r"^[0-9a-f]{0,128}$")]
    subjects_sha256: list[Digest]
    start: TrainedOnPart | None = None


class WeightsPart(Strict):
    """What ``model.safetensors`` must be."""

    sha256: Digest
    tensors: Count
    parameters: Count


class VerifyPart(Strict):
    """How the reference samples were made."""

    seed: Seed
    n: Annotated[int, Field(ge=1, le=max(REFERENCE_SAMPLES.values()))]
    sha256: Digest
    tolerance: Share


class TrainingPart(Strict):
    """What makes the weights again.

    ``earlier_budgets`` (``"58 minutes"``) were spent before training went on to the command's own:
    schedules are fractions of a budget, so the command alone makes other weights.
    """

    command: Prose
    earlier_budgets: Annotated[tuple[Text, ...], Field(strict=False, max_length=100)] = ()
    seed: Seed
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,40}$")] | None = None
    hardware: Text | None = None
    minutes: Annotated[float, Field(ge=0)] | None = None


class DescribedImages(Open):
    """What is known before training."""

    images: ImagesPart
    preprocessing: PreprocessingPart
    trained_on: TrainedOnPart


class ConfigFile(DescribedImages):
    """All of ``config.json``.

    ``verify`` is ``None`` for a model by others, whose makers published no samples. ``chunk`` is
    how many samples are computed at once: other numbers sum in another order.
    """

    format: Literal[1]
    plugin: PluginPart
    hyperparameters: Annotated[
        dict[Name, Any], Field(max_length=1000), AfterValidator(_hold_plain_values)
    ]
    chunk: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] | None = None
    weights: WeightsPart
    verify: VerifyPart | None
    training: TrainingPart | None = None


def problem(raw: dict[str, Any], model: type[Strict] = ConfigFile) -> str:
    """Return what is wrong with the content of a ``config.json``, or a part of it, or nothing."""
    try:
        validated(model, raw)
    except ValueError as error:
        return str(error)
    return ""
