"""The README.md of a checkpoint: what a person, and the Hub, must know before using it.

``card.md.jinja`` is its template, a model card of huggingface_hub.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainzoo.common import console

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

TEMPLATE = Path(__file__).with_name("card.md.jinja")
TASK = "unconditional-image-generation"
CONDITIONAL = "image-generation"
"""No pipeline tag of the Hub: it has none for models that are told a class, an age or a sex."""
HUB_LICENCES = re.compile(
    r"cc-by(-nc)?(-sa|-nd)?-(2\.0|2\.5|3\.0|4\.0)|cc0-1\.0|mit|apache-2\.0|bsd-[23]-clause|pddl"
    r"|odc-by|odbl"
)
"""Identifiers of licences that the Hub knows (hf.co/docs/hub/repositories-licenses)."""
PLAIN = {"cc0": "cc0-1.0", "cc-zero": "cc0-1.0", "pddl-1.0": "pddl"}
"""What data sets write for some of them."""


def model_card(config: Mapping[str, Any], evaluators: Mapping[str, Any]) -> str:
    """Return the model card of a checkpoint, with the Hub's YAML header."""
    from huggingface_hub import ModelCard, ModelCardData

    plugin, images, source = config["plugin"], config["images"], config["trained_on"]["dataset"]
    data, licence = data_name(source), source.get("license") or "unknown"
    conditional = bool(images["classes"] or [*_conditions(config)])
    task = CONDITIONAL if conditional else TASK
    known = hub_licence(licence) != "other"
    size = "x".join(map(str, images["spatial"]))
    header = ModelCardData(
        library_name="brainzoo",
        pipeline_tag=None if conditional else TASK,
        license=hub_licence(licence),
        datasets=[data],
        tags=["brain", "mri", "medical", "synthetic", "not-for-diagnosis", plugin["name"]]
        + (["conditional", task] if conditional else []),
        model_name=re.sub(r"[^a-z0-9.]+", "-", f"{plugin['name']}-{data}-{size}".lower()),
        eval_results=list(_results(task, data, evaluators)) or None,
        license_name=None if known else textwrap.shorten(licence, 96, placeholder=" ..."),
        license_link=None if known else "LICENSE",
    )
    found = list(metrics_of(evaluators))
    details = [metric.get("detail") or "" for _, metric in found]
    rows = [[*row, detail] for row, detail in zip(metric_rows(found), details, strict=True)]
    card = ModelCard.from_template(
        header,
        template_path=str(TEMPLATE),
        plugin=plugin,
        images=images,
        weights=config["weights"],
        source=source,
        training=config.get("training"),
        took=training_time(config.get("training")),
        verifiable=config.get("verify") is not None,
        modality=" + ".join(config["preprocessing"].get("channels") or ["MRI"]),
        kind="slices" if len(images["spatial"]) == 2 else "volumes",
        size=size.replace("x", " × "),
        facts={name: _line(text) for name, text in _facts(config).items() if text},
        rows=[[_line(cell).replace("|", "\\|") for cell in row] for row in rows],
        notes=[_line(note) for found in evaluators.values() for note in found.get("notes", ())],
    )
    return f"{str(card).rstrip()}\n"


def training_time(training: Mapping[str, Any] | None) -> str:
    """Return how long training took, if that is known."""
    minutes = (training or {}).get("minutes")
    return console.duration(60 * minutes) if minutes else ""


def data_name(source: Mapping[str, Any]) -> str:
    """Return what people call the data: not the name of the plugin that reads them."""
    return str(source.get("title") or source.get("name") or "unknown")


def hub_licence(name: str) -> str:
    """Return the Hub's identifier of a licence, ``other`` if it has none."""
    identifier = re.sub(r"[\s_]+", "-", name.strip().lower())
    identifier = PLAIN.get(identifier, identifier)
    return identifier if HUB_LICENCES.fullmatch(identifier) else "other"


def _results(task: str, data: str, evaluators: Mapping[str, Any]) -> Iterator[EvalResult]:
    """Yield the metrics that are numbers."""
    from huggingface_hub import EvalResult

    for evaluator, metric in metrics_of(evaluators):
        yield EvalResult(
            task_type=task,
            dataset_type=data,
            dataset_name=f"{data}, test subjects",
            metric_type=re.sub(r"[^a-z0-9]+", "-", metric["name"].lower()).strip("-") or "metric",
            metric_name=metric["name"],
            metric_value=metric["value"],
            metric_args={
                k: metric[k] for k in ("n", "low", "high", "floor") if metric.get(k) is not None
            },
            source_name=f"brainzoo evaluate {evaluator}",
            source_url="./metrics.json",
        )


def metric_rows(metrics: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[list[str]]:
    """Yield evaluator, metric, value with interval, floor and n of each metric as text."""
    for evaluator, metric in metrics:
        floor = "" if metric.get("floor") is None else console.number(metric["floor"])
        value = console.interval(metric)
        yield [evaluator, metric["name"], value, floor, f"{metric['n']:,}"]


def metrics_of(evaluators: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each metric that has a value, with its evaluator."""
    for evaluator, found in evaluators.items():
        for metric in found["metrics"]:
            if metric["value"] is not None:
                yield evaluator, metric


def _facts(config: Mapping[str, Any]) -> dict[str, str | None]:
    data, prepared = config["trained_on"], config["preprocessing"]
    source, expressions = data["dataset"], data.get("class_expressions") or {}
    classes = [
        f"{name} ({expressions[name]})" if expressions.get(name) else name
        for name in config["images"]["classes"]
    ]
    spacing = " × ".join(f"{mm:g}" for mm in prepared.get("spacing_mm") or ())
    return {
        "Data": data_name(source),
        "Licence": source.get("license") or "unknown",
        "Address": source.get("url"),
        "Citation": source.get("citation"),
        "Images": f"{data['n_images']:,} of {data['n_subjects']:,} subjects, "
        "the training split only",
        "Learned from": _teacher(data.get("teacher")),
        "Went on from": _start(data.get("start")),
        "Classes": ", ".join(classes) or "none",
        "Conditions": "; ".join(_conditions(config)),
        "Plane": prepared.get("plane"),
        "Orientation": prepared.get("orientation"),
        "Spacing": spacing and f"{spacing} mm",
    }


def _teacher(teacher: Mapping[str, Any] | None) -> str | None:
    if teacher is None:
        return None
    return (
        f"{teacher['samples']:,} samples of a {teacher['generator']} that was trained on these "
        f"subjects (weights {teacher['checkpoint_sha256'][:12]}), in place of their images"
    )


def _start(start: Mapping[str, Any] | None) -> str | None:
    if start is None:
        return None
    seen = f"trained on {start['n_subjects']:,} subjects of {data_name(start['dataset'])}"
    return f"weights {start['checkpoint_sha256'][:12]}, {seen}"


def _conditions(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what may be asked of samples besides the class, as --condition takes it."""
    for column in (config.get("conditions") or {}).get("columns", ()):
        if column["name"] != "class":
            values = " or ".join(column["levels"]) or f"{column['low']:g} to {column['high']:g}"
            yield f"{column['name']}={values}"


def _line(text: object) -> str:
    return " ".join(str(text).split())
