"""What a run is to do: names, presets and options become one checked ``Settings``.

Explicit options beat the preset, and the preset beats the configurations' own defaults. Settings
are kept in ``run.yaml``. Nothing heavy is imported here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from brainzoo.common.errors import IntegrityError, OptionError, UnknownPluginError
from brainzoo.plugin.interfaces import Spec
from brainzoo.plugin.manager import Plugins
from brainzoo.plugin.options import Config, make_config, nearest, option, options_of, plain
from brainzoo.plugin.part import Part, absolute, part_of
from brainzoo.plugin.run import TrainConfig
from brainzoo.preparation.config import PrepareConfig
from brainzoo.zoo.address import parse

BUDGETS = ("images", "minutes")
EXCLUSIVE = (
    BUDGETS,
    ("data.slices_fraction", "data.slices_mm", "data.slices_index", "data.sections_mm"),
    ("data.slices", "data.step_mm", "data.sections_mm"),
    ("data.fov_mm", "data.spacing_mm"),
)
"""Options of which the last word counts: one that is given drops the preset's others."""

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


def preset_of(spec: Spec, name: str) -> Mapping[str, Any]:
    """Return the options that a preset sets, or raise an OptionError."""
    presets = presets_of(spec)
    if name not in presets:
        raise OptionError(f"{spec.name} has no preset {name!r}.", nearest(name, list(presets)))
    return presets[name]


def is_images_folder(data: str) -> bool:
    """Return whether this is a folder of prepared images, not a dataset's name."""
    return (Path(data) / "images.json").is_file()


def dataset_part(
    plugins: Plugins, name: str, values: Mapping[str, Any]
) -> tuple[Part, PrepareConfig]:
    """Make the configurations of a dataset and of its preparation from the options of both."""
    rest = dict(values)
    config: Any = _config(plugins.get("dataset", name).config, rest)
    return Part(name, absolute(config)), make_config(PrepareConfig, rest, "option of the data")


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
    command line's names with underscores (``maps``, ``data.plane``, ``EVALUATOR.NAME``); ``preset``
    sets the rest.
    """
    spec = plugins.get("generator", generator)
    groups = _by_owner(merged(preset_of(spec, preset), given))
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
    generators = {spec.name for spec in plugins.specs("generator")}  # come before folders
    named = not train.teacher or train.teacher in generators
    if not named and isinstance(place := parse(train.teacher), Path):
        train = dataclasses.replace(train, teacher=str(place.absolute()))
    if train.start and isinstance(place := parse(train.start), Path):
        train = dataclasses.replace(train, start=str(place.absolute()))
    if export is None:
        export = list(DEFAULT_EXPORTS)
        groups |= {name: {**own, **groups.get(name, {})} for name, own in DEFAULT_EXPORTS.items()}
    exports = [part_of(plugins.get("exporter", name), groups.pop(name, {})) for name in export]
    evaluations = [
        part_of(plugins.get("evaluator", name), groups.pop(name, {}))
        for name in evaluator_names(plugins, evaluate)
    ]
    if groups:
        owner, options = next(iter(groups.items()))
        raise OptionError(
            f"nothing in this run has the option {owner}.{next(iter(options))}.",
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
    return {**{k: v for k, v in base.items() if k not in replaced}, **given}


def evaluator_names(plugins: Plugins, names: Sequence[str]) -> list[str]:
    """Return each evaluator's name once, in the order given; ``all`` stands for all by name."""
    offered = [spec.name for spec in plugins.specs("evaluator")]
    if ALL in names and not offered:
        raise UnknownPluginError(
            "no evaluator is installed.", "Install one with pip; docs/evaluation.md says which."
        )
    return list(dict.fromkeys(n for name in names for n in (offered if name == ALL else [name])))


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


def to_record(settings: Settings) -> dict[str, Any]:
    """Return the settings as the part of ``run.yaml`` that decides the run."""
    prepare = plain(settings.prepare) if settings.prepare else {}
    size = prepare.pop("size", None)
    return {
        "generator": {"name": settings.generator.name, "options": settings.generator.options},
        "data": {
            "name": settings.data.name,
            "options": settings.data.options,
            "prepare": prepare,
            "classes": dict(settings.classes),
        },
        "size": size,
        "train": plain(settings.train),
        "preset": settings.preset,
        "samples": settings.samples,
        "export": [{"name": part.name, "options": part.options} for part in settings.export],
        "evaluate": [{"name": part.name, "options": part.options} for part in settings.evaluate],
    }


def from_record(
    plugins: Plugins,
    record: Mapping[str, Any],
    given: Mapping[str, Any] | None = None,
    *,
    classes: Mapping[str, str] | None = None,
    export: Sequence[str] | None = None,
    evaluate: Sequence[str] | None = None,
) -> Settings:
    """Return the settings that a ``run.yaml`` holds; what is given replaces what it holds."""
    try:
        data = record["data"]
        values = {**record["generator"]["options"], **record["train"], "samples": record["samples"]}
        if data["prepare"]:
            stored = {"size": record["size"], **data["prepare"], **data["options"]}
            values |= {"size" if k == "size" else f"data.{k}": v for k, v in stored.items()}
        names = {}
        for verb, chosen in (("export", export), ("evaluate", evaluate)):
            names[verb] = [part["name"] for part in record[verb]] if chosen is None else chosen
            for part in record[verb]:
                if part["name"] in names[verb]:
                    values |= {f"{part['name']}.{k}": v for k, v in part["options"].items()}
        settings = resolve(
            plugins,
            record["generator"]["name"],
            data["name"],
            merged(values, given or {}),
            classes=data["classes"] if classes is None else classes,
            export=names["export"],
            evaluate=names["evaluate"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"run.yaml is damaged: {type(error).__name__} {error}.") from error
    return dataclasses.replace(settings, preset=record["preset"])


def expect_same_run(before: Settings, now: Settings) -> None:
    """Refuse settings that would make another run of the one resumed.

    The budget, the threads and where the data lie may differ: whether data are the same is seen
    when they are prepared.
    """
    old, new = _flat(to_record(before)), _flat(to_record(now))
    may_differ = {f"train.{name}" for name in (*BUDGETS, "threads")}
    if now.prepare is not None:
        paths = [name for name, value in vars(now.data.config).items() if isinstance(value, Path)]
        may_differ |= {f"data.options.{name}" for name in paths}
    for key in sorted({*old, *new} - may_differ):
        if old.get(key) != new.get(key):
            hint = "--resume may change the budget, the threads and the place of the data only."
            raise OptionError(
                f"{key} is {new.get(key)!r}, but the run began with {old.get(key)!r}.",
                "Evaluate more with: brainzoo evaluate NAME RUN" if key == "evaluate" else hint,
            )


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        parts = [_flat(item, f"{path}.{key}" if path else str(key)) for key, item in value.items()]
        return {key: item for part in parts for key, item in part.items()}
    return {path: value}
