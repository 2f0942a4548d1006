"""What a run is to do: names, presets and options become one checked ``Settings``.

Explicit options beat the preset, and the preset beats the configurations' own defaults. The same
settings are written to ``run.yaml`` and read back from it. Nothing heavy is imported here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from brainzoo.errors import IntegrityError, NotFoundError, OptionError
from brainzoo.interfaces import Spec
from brainzoo.options import Config, make_config, nearest, option, options_of, plain
from brainzoo.plugins import Plugins
from brainzoo.prepare_config import PrepareConfig
from brainzoo.run import TrainConfig

SCHEMA = 1
BUDGETS = ("images", "minutes")
EXCLUSIVE = (
    BUDGETS,
    ("data.slices_fraction", "data.slices_mm", "data.slices_index", "data.sections_mm"),
    ("data.slices", "data.step_mm"),
    ("data.fov_mm", "data.spacing_mm"),
)
"""Options of which the last word counts: one that is given drops the preset's others."""

DEFAULT_EXPORTS = {"nifti": {"limit": 16}, "png": {"limit": 16}}
"""What a run exports when nothing is said: a few files of each to look at."""


@dataclasses.dataclass(frozen=True)
class SampleConfig:
    """The options that a run takes for sampling, whatever the generator."""

    samples: int = option(256, "Images sampled after training.", minimum=1)


@dataclasses.dataclass(frozen=True)
class Part:
    """Something a plugin brings, by its name, with its configuration."""

    name: str
    config: Any

    @property
    def options(self) -> dict[str, Any]:
        """The configuration as plain values."""
        return plain(self.config) if self.config is not None else {}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that decides a run.

    Attributes:
        generator: The generator and its options.
        data: The dataset and its options; or the path of a folder of prepared images, without any.
        prepare: How images are made from scans; ``None`` for a folder of prepared images.
        classes: An expression over the table's columns by class name.
        train: The training options common to all generators.
        preset: The name of the preset that set the rest.
        samples: Images sampled after training.
        export: The exporters run on the samples.
        evaluate: The evaluators run on the samples.
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
    """Tell a folder of prepared images from the name of a dataset."""
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
    paths = {k: v.expanduser().absolute() for k, v in vars(config).items() if isinstance(v, Path)}
    return Part(name, dataclasses.replace(config, **paths)), make_config(
        PrepareConfig, rest, "option of the data"
    )


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

    Args:
        plugins: What is installed.
        generator: The generator's name.
        data: A dataset's name or the path of a folder of prepared images.
        given: Option values by the command line's names with underscores: the generator's, the
            common ones, ``data.NAME``, ``EVALUATOR.NAME``, ``EXPORTER.NAME``.
        preset: Which of the generator's presets sets what is not given.
        classes: An expression by class name.
        export: Names of exporters; ``None`` for the default ones.
        evaluate: Names of evaluators.

    Raises:
        UnknownPluginError: Nothing installed offers a name.
        OptionError: An option or preset is unknown, a value is bad, or no budget is set.
    """
    spec = plugins.get("generator", generator)
    presets = presets_of(spec)
    if preset not in presets:
        raise OptionError(f"{generator} has no preset {preset!r}.", nearest(preset, list(presets)))
    groups = _by_owner(_merged(presets[preset], given))
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
    evaluations = [part_of(plugins.get("evaluator", n), groups.pop(n, {})) for n in evaluate]
    if groups:
        owner, options = next(iter(groups.items()))
        raise OptionError(
            f"the option {owner}.{next(iter(options))} belongs to nothing in this run.",
            f"Name its owner with --evaluate {owner} or --export {owner}.",
        )
    return Settings(
        generator=part_of(spec, common),
        data=data_part,
        prepare=prepare,
        classes=dict(classes or {}),
        train=train,
        preset=preset,
        samples=samples.samples,
        export=exports,
        evaluate=evaluations,
    )


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


def read_record(path: Path) -> dict[str, Any]:
    """Read ``run.yaml``, given its path or that of its run folder.

    Raises:
        NotFoundError: There is none.
        IntegrityError: It is no YAML, of another schema, or lacks a section.
    """
    import yaml

    path = path if path.suffix in (".yaml", ".yml") else path / "run.yaml"
    if not path.is_file():
        raise NotFoundError(f"there is no run at {path.parent}: it has no {path.name}.")
    try:
        record = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        text = " ".join(str(error).split())
        raise IntegrityError(f"{path} cannot be read: {text}.") from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        found = record.get("schema") if isinstance(record, dict) else type(record).__name__
        raise IntegrityError(f"{path} is of schema {found!r}; this version reads {SCHEMA}.")
    for name in ("generator", "data", "train", "export", "evaluate"):
        if not isinstance(record.get(name), list if name in ("export", "evaluate") else dict):
            raise IntegrityError(f"{path} lacks the section {name!r}.")
    return record


def from_record(
    plugins: Plugins,
    record: Mapping[str, Any],
    given: Mapping[str, Any] | None = None,
    *,
    classes: Mapping[str, str] | None = None,
    export: Sequence[str] | None = None,
    evaluate: Sequence[str] | None = None,
) -> Settings:
    """Return the settings that ``run.yaml`` holds; what is given replaces what it holds.

    Args:
        plugins: What is installed.
        record: What :func:`read_record` returned.
        given: Option values as :func:`resolve` takes them.
        classes: Other classes.
        export: Other exporters.
        evaluate: Other evaluators.

    Raises:
        IntegrityError: The record is incomplete.
        OptionError: A value is bad.
    """
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
            _merged(values, given or {}),
            classes=data["classes"] if classes is None else classes,
            export=names["export"],
            evaluate=names["evaluate"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"run.yaml is damaged: {type(error).__name__} {error}.") from error
    return dataclasses.replace(settings, preset=record["preset"])


def expect_same_run(before: Settings, now: Settings) -> None:
    """Refuse settings that make another run of one that is to be resumed.

    Raises:
        OptionError: Something but a budget differs.
    """
    old, new = _flat(to_record(before)), _flat(to_record(now))
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key) and key not in {f"train.{name}" for name in BUDGETS}:
            raise OptionError(
                f"{key} is {new.get(key)!r}, but the run began with {old.get(key)!r}.",
                "With --resume only --images and --minutes may change; or start a new run.",
            )


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        parts = [_flat(item, f"{path}.{key}" if path else str(key)) for key, item in value.items()]
        return {key: item for part in parts for key, item in part.items()}
    return {path: value}


def _merged(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Lay given values over others; of options that exclude each other the given one stays."""
    replaced = {
        name
        for group in EXCLUSIVE
        if any(given.get(n) is not None for n in group)
        for name in group
    }
    return {**{k: v for k, v in base.items() if k not in replaced}, **given}


def part_of(spec: Spec, values: Mapping[str, Any]) -> Part:
    """Make the configuration of what a plugin brings.

    Raises:
        OptionError: An option is unknown or has a bad value.
    """
    return Part(spec.name, make_config(spec.config, values, f"option of {spec.name}"))


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
