"""What a run notes when it begins and compares when it is resumed: settings, data, budget."""

from __future__ import annotations

from typing import Any

from brainzoo.common.errors import DataError, OptionError
from brainzoo.data.images import Images
from brainzoo.plugin.manager import plugins
from brainzoo.runs.folder import RunFolder
from brainzoo.runs.record import to_record
from brainzoo.runs.settings import Settings


def new_record(settings: Settings, images: Images) -> dict[str, Any]:
    """Return what ``run.yaml`` says of a run that begins, to be compared when it is resumed."""
    record = to_record(settings)
    record["generator"] |= {
        "distribution": plugins().of("generator", settings.generator.name).distribution,
        "version": plugins().of("generator", settings.generator.name).version,
    }
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
        opened.forget()
