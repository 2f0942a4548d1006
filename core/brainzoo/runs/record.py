"""``run.yaml``: what a run notes when it begins, reads back, and compares when it is resumed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainzoo.common.errors import DataError, IntegrityError, OptionError
from brainzoo.plugin.manager import Plugins, plugins
from brainzoo.plugin.options import plain
from brainzoo.runs.settings import BUDGETS, Settings, merged, resolve

if TYPE_CHECKING:
    from brainzoo.data.images import Images
    from brainzoo.runs.folder import RunFolder


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
    """Return the settings that a ``run.yaml`` holds; what is given replaces what it holds.

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

    Raises:
        OptionError: Something differs but a budget, or where the data lie: whether they are the
            same is seen when they are prepared.
    """
    old, new = _flat(to_record(before)), _flat(to_record(now))
    may_differ = {f"train.{name}" for name in BUDGETS}
    if now.prepare is not None:
        paths = [name for name, value in vars(now.data.config).items() if isinstance(value, Path)]
        may_differ |= {f"data.options.{name}" for name in paths}
    for key in sorted({*old, *new} - may_differ):
        if old.get(key) != new.get(key):
            if key == "evaluate":
                raise OptionError(
                    "--resume evaluates what the run began with.",
                    "Evaluate more with: brainzoo evaluate NAME RUN",
                )
            raise OptionError(
                f"{key} is {new.get(key)!r}, but the run began with {old.get(key)!r}.",
                "--resume may change the budget and the place of the data only.",
            )


def new_record(settings: Settings, images: Images) -> dict[str, Any]:
    """Return what ``run.yaml`` says of a run that begins, to be compared when it is resumed."""
    record = to_record(settings)
    plugin = plugins().of("generator", settings.generator.name)
    record["generator"] |= {"distribution": plugin.distribution, "version": plugin.version}
    record["data"]["fingerprint"] = images.fingerprint
    return record


def expect_same_data(opened: RunFolder, images: Images) -> None:
    """Refuse images that are not those of a run.

    Raises:
        DataError: Their fingerprint is not the one in ``run.yaml``.
    """
    wanted = opened.record["data"].get("fingerprint")
    if images.fingerprint != wanted:
        raise DataError(
            f"the data are not those that {opened.path} began with: fingerprint "
            f"{images.fingerprint[:12]}, expected {str(wanted)[:12]}.",
            "Restore the scans and their table, or start a new run.",
        )


def take_changes(opened: RunFolder, settings: Settings) -> None:
    """Note where the data lie now, and a changed budget.

    With a new budget training goes on from its state, and all after it is done anew.
    """
    from brainzoo.runs.folder import OUTPUTS

    now = to_record(settings)
    if opened.record["data"]["options"] != now["data"]["options"]:
        opened.record["data"]["options"] = now["data"]["options"]
        opened.save()
    before, wanted = opened.record["train"], now["train"]
    # Options that came after the run have their defaults in it.
    if any(wanted.get(name) != value for name, value in before.items()):
        images, seconds = opened.seen()
        too_few = wanted["images"] is not None and wanted["images"] < images
        too_short = wanted["minutes"] is not None and 60 * wanted["minutes"] < seconds
        if too_few or too_short:
            raise OptionError(
                f"the run has seen {images:,} images in {seconds / 60:.1f} minutes; the budget "
                "given is less.",
                "Give a larger one, or start a new run.",
            )
        # Schedules are fractions of the budget: who repeats the run must know that it grew.
        budget = {name: before[name] for name in ("images", "minutes")}
        opened.record.setdefault("earlier_budgets", []).append(budget)
        opened.record["train"] = wanted
        opened.forget(*OUTPUTS)


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping):
        parts = [_flat(item, f"{path}.{key}" if path else str(key)) for key, item in value.items()]
        return {key: item for part in parts for key, item in part.items()}
    return {path: value}
