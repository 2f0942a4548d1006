"""The registry entry of a checkpoint, made from what its folder says."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from brainzoo.checkpoint.names import MAX_BYTES, METRICS
from brainzoo.common.errors import IntegrityError
from brainzoo.common.files import sha256
from brainzoo.zoo.registry.parse import explain
from brainzoo.zoo.registry.schema import Entry, HubSource, PackageSource


def entry_of(
    checkpoint: Path, *, name: str, version: str, source: PackageSource | HubSource
) -> Entry:
    """Return the entry with which a checkpoint stands in the registry.

    What the folder does not say (a paper, gated access) is left at its default; intended use and
    limits are general sentences that the maintainer may narrow.

    Args:
        checkpoint: The folder.
        name: What people will type.
        version: ``X.Y.Z``.
        source: Where its files are.

    Raises:
        NotFoundError: There is no checkpoint there.
        IntegrityError: It is damaged, or says what no entry may hold.
    """
    from brainzoo.checkpoint import read_config
    from brainzoo.checkpoint.card import INTENDED_USE, LIMITATIONS, hub_licence
    from brainzoo.zoo.hub.gate import weights_licence

    config = read_config(checkpoint)
    plugin, data = config["plugin"], config["trained_on"]
    origin, images, prepared = data["dataset"], config["images"], config["preprocessing"]
    licence = origin.get("license") or "unknown"
    stated = weights_licence(checkpoint)
    weights = stated if stated and hub_licence(stated) != hub_licence(licence) else licence
    fields = {
        "name": name,
        "version": version,
        "plugin": plugin["name"],
        "plugin_requires": f"{plugin['distribution']}{plugin.get('requires', '')}",
        "source": source.model_dump(),
        "files": {
            file: {"sha256": sha256(checkpoint / file), "size": (checkpoint / file).stat().st_size}
            for file in MAX_BYTES
            if (checkpoint / file).is_file()
        },
        "license": weights if hub_licence(weights) == "other" else "-".join(weights.split()),
        "data": {
            "name": origin.get("name") or "unknown",
            "version": origin.get("version"),
            "license": licence,
            "url": origin.get("url") or None,
            "n_subjects": data["n_subjects"],
        },
        "modality": [prepared.get("modality") or "unknown"],
        "spatial_dims": len(images["spatial"]),
        "image_shape": [images["channels"], *images["spatial"]],
        "spacing_mm": prepared.get("spacing_mm"),
        "params": config["weights"]["parameters"],
        "metrics": list(_metrics(checkpoint)),
        "training": config.get("training"),
        "intended_use": INTENDED_USE,
        "limitations": LIMITATIONS,
    }
    try:
        return Entry.model_validate(fields)
    except ValidationError as error:
        raise IntegrityError(f"{checkpoint} makes no registry entry: {explain(error)}.") from None


def _metrics(checkpoint: Path) -> Iterator[dict[str, Any]]:
    """Yield the figures of ``metrics.json`` that are numbers."""
    try:
        evaluators = json.loads((checkpoint / METRICS).read_text(encoding="utf-8"))["evaluators"]
        for evaluator, found in evaluators.items():
            for figure in found["metrics"]:
                if figure["value"] is not None and math.isfinite(figure["value"]):
                    yield _metric(evaluator, figure)
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IntegrityError(f"{checkpoint / METRICS} cannot be read: {error}.") from None


def _metric(evaluator: str, figure: Mapping[str, Any]) -> dict[str, Any]:
    detail = " ".join(str(figure.get("detail") or "").split())
    return {
        "name": figure["name"],
        "value": figure["value"],
        "low": figure.get("low"),
        "high": figure.get("high"),
        "floor": figure.get("floor"),
        "n": figure["n"],
        "protocol": f"{evaluator}: {detail}" if detail else evaluator,
    }
