"""What a run is to do: names, presets and options become one checked ``Settings``.

Explicit options beat the preset, and the preset beats the configurations' own defaults. Nothing
heavy is imported here; :mod:`brainzoo.runs.record` says how settings are kept in ``run.yaml``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from brainzoo.common.errors import OptionError, UnknownPluginError
from brainzoo.plugin.interfaces import Spec
from brainzoo.plugin.manager import Plugins
from brainzoo.plugin.options import Config, make_config, nearest, option, options_of
from brainzoo.plugin.part import Part, part_of
from brainzoo.plugin.run import TrainConfig
from brainzoo.preparation.config import PrepareConfig

BUDGETS = ("images", "minutes")
EXCLUSIVE = (
    BUDGETS,
    ("data.slices_fraction", "data.slices_mm", "data.slices_index", "data.sections_mm"),
    ("data.slices", "data.step_mm"),
    ("data.fov_mm", "data.spacing_mm"),
)
"""Options of which the last word counts: one that is given drops the preset's others."""

REPLACES = {"data.slices": "data.sections_mm", "data.step_mm": "data.sections_mm"}
"""Options that mean nothing beside another one: given, they drop the preset's."""

DEFAULT_EXPORTS = {"nifti": {"limit": 16}, "png": {"limit": 16}}
"""What a run exports by default: a few files of each to look at."""

ALL = "all"
"""In place of an evaluator's name: every one that is installed."""


@dataclasses.dataclass(frozen=True)
class SampleConfig:
    """The options that a run takes for sampling, whatever the generator."""

    samples: int = option(256, "Images sampled after training.", minimum=1)


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that decides a run.

    For a folder of prepared images ``data`` has its path and no options, ``prepare`` is ``None``;
    ``classes`` holds an expression over the table's columns by class name.
    """

    generator: Part
    data: Part
    prepare: PrepareConfig | None
    classes: Mapping[str, str]
    train: TrainConfig
    preset: str = "default"
    samples: int = 256
    export: Sequence[Part] = ()
    evaluate: Sequence[Part] = ()


def presets_of(spec: Spec) -> dict[str, Mapping[str, Any]]:
    """Return the presets of a generator by name; ``default`` is always among them."""
    return {"default": {}, **getattr(spec.config, "presets", {})}


def is_images_folder(data: str) -> bool:
    """Return whether this is a folder of prepared images, not a dataset's name."""
    return (Path(data) / "images.json").is_file()


def dataset_part(
    plugins: Plugins, name: str, values: Mapping[str, Any]
) -> tuple[Part, PrepareConfig]:
    """Make the configurations of a dataset and of its preparation from the options of both.

    Raises:
        UnknownPluginError: Nothing installed offers the dataset.
        OptionError: An option is unknown or has a bad value.
    """
    rest = dict(values)
    config: Any = _config(plugins.get("dataset", name).config, rest)
    # run.yaml must find the scans again from any folder
    prepare = make_config(PrepareConfig, rest, "option of the data")
    return Part(name, _absolute(config)), prepare


def resolve(
    plugins: Plugins,
    generator: str,
    data: str,
    given: Mapping[str, Any],
    *,
    preset: str = "default",
    classes: Mapping[str, str] | None = None,
    export: Sequence[str] | None = None,
    evaluate: Sequence[str] = (),
) -> Settings:
    """Make settings from names and option values.

    ``data`` may be the path of a folder of prepared images. ``given`` has option values by the
    command line's names with underscores: the generator's, the common ones, ``data.NAME``,
    ``EVALUATOR.NAME``, ``EXPORTER.NAME``; ``preset`` sets the rest.

    Raises:
        UnknownPluginError: Nothing installed offers a name.
        OptionError: An option or preset is unknown, a value is bad, or no budget is set.
    """
    spec = plugins.get("generator", generator)
    presets = presets_of(spec)
    if preset not in presets:
        raise OptionError(f"{generator} has no preset {preset!r}.", nearest(preset, list(presets)))
    groups = _by_owner(merged(presets[preset], given))
    common = groups.pop("", {})
    samples = _config(SampleConfig, common)
    size = {"size": common.pop("size")} if "size" in common else {}

    if is_images_folder(data):
        if "data" in _by_owner(given) or "size" in given or classes:
            raise OptionError(
                f"{data} holds images that are prepared already.",
                "Leave out --size, --class and --data.*, or prepare them anew.",
            )
        data_part, prepare = Part(str(Path(data).resolve()), None), None
    else:
        data_part, prepare = dataset_part(plugins, data, {**groups.pop("data", {}), **size})
    groups.pop("data", None)

    train = _config(TrainConfig, common)
    if not train.budgeted:
        raise OptionError("no budget is set.", "Give --images 300k or --minutes 30.")
    exporters = list(DEFAULT_EXPORTS) if export is None else export
    for name in exporters:
        if export is None:
            groups[name] = {**DEFAULT_EXPORTS[name], **groups.get(name, {})}
    exports = [part_of(plugins.get("exporter", n), groups.pop(n, {})) for n in exporters]
    evaluations = [
        evaluator_part(plugins, name, groups.pop(name, {}))
        for name in evaluator_names(plugins, evaluate)
    ]
    if groups:
        owner, options = next(iter(groups.items()))
        raise OptionError(
            f"the option {owner}.{next(iter(options))} belongs to nothing in this run.",
            f"Name its owner with --evaluate {owner} or --export {owner}.",
        )
    generator_part = part_of(spec, common)
    check = getattr(generator_part.config, "check_spatial", None)
    if check is not None and prepare is not None:
        check((prepare.size,) * prepare.dims)
    return Settings(
        generator=generator_part,
        data=data_part,
        prepare=prepare,
        classes=dict(classes or {}),
        train=train,
        preset=preset,
        samples=samples.samples,
        export=exports,
        evaluate=evaluations,
    )


def merged(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Lay given values over others; of options that exclude each other the given one stays."""
    replaced = {
        name
        for group in EXCLUSIVE
        if any(given.get(n) is not None for n in group)
        for name in group
    }
    replaced |= {other for name, other in REPLACES.items() if given.get(name) is not None}
    return {**{k: v for k, v in base.items() if k not in replaced}, **given}


def evaluator_names(plugins: Plugins, names: Sequence[str]) -> list[str]:
    """Return each evaluator's name once, in the order given; ``all`` stands for all by name.

    Raises:
        UnknownPluginError: ``all``, and none is installed.
    """
    offered = [spec.name for spec in plugins.specs("evaluator")]
    if ALL in names and not offered:
        raise UnknownPluginError(
            "no evaluator is installed.", "Install one with pip; docs/evaluation.md says which."
        )
    return list(dict.fromkeys(n for name in names for n in (offered if name == ALL else [name])))


def evaluator_part(plugins: Plugins, name: str, values: Mapping[str, Any]) -> Part:
    """Make the configuration of an evaluator; its files are found again from any folder.

    Raises:
        UnknownPluginError: Nothing installed offers it.
        OptionError: An option is unknown or has a bad value.
    """
    part = part_of(plugins.get("evaluator", name), values)
    return Part(name, _absolute(part.config))


def _absolute(config: Any) -> Any:
    """Return a configuration whose paths no longer depend on the folder one is in."""
    paths = {k: v.expanduser().absolute() for k, v in vars(config).items() if isinstance(v, Path)}
    return dataclasses.replace(config, **paths)


def _config(config: type[Config], values: dict[str, Any]) -> Config:
    """Make a configuration of those values that it knows, and take them out of ``values``."""
    own = {item.name: values.pop(item.name) for item in options_of(config) if item.name in values}
    return make_config(config, own)


def _by_owner(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Sort values by what stands before the dot: ``""``, ``"data"``, an evaluator, an exporter."""
    groups: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        owner, _, name = key.rpartition(".")
        groups.setdefault(owner, {})[name] = value
    return groups
