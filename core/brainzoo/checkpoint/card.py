"""The README.md of a checkpoint: what a person, and the Hub, must know before using it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

TASK = "unconditional-image-generation"

INTENDED_USE = (
    "Research and teaching: synthetic brain images to try methods on, to train models with in "
    "addition to real images, and to study generative models themselves."
)
LIMITATIONS = (
    "Not for diagnosis or any clinical decision. The images show only what the training subjects, "
    "scanners and preparation showed; rare anatomy and pathology are missing. Synthetic is no "
    "proof of anonymity: how close images come to training subjects must be measured before they "
    "are shared."
)

HUB_LICENCES = re.compile(
    r"cc-by(-nc)?(-sa|-nd)?-(2\.0|2\.5|3\.0|4\.0)|cc0-1\.0|mit|apache-2\.0|bsd-[23]-clause|pddl"
    r"|odc-by|odbl"
)
"""Identifiers of licences that the Hub knows (hf.co/docs/hub/repositories-licenses)."""


def model_card(config: Mapping[str, Any], evaluators: Mapping[str, Any]) -> str:
    """Return the model card of a checkpoint, with the Hub's YAML header.

    Args:
        config: What ``config.json`` holds.
        evaluators: What ``metrics.json`` holds under ``evaluators``.
    """
    plugin, images = config["plugin"], config["images"]
    size = " × ".join(map(str, images["spatial"]))
    kind = "slices" if len(images["spatial"]) == 2 else "volumes"
    modality = config["preprocessing"].get("modality") or "MRI"
    sections = [
        _header(config, evaluators),
        f"# {plugin['name']}: brain {modality} {kind}, {size}",
        "![Samples of seed 0](samples.png)",
        _made_with(config),
        "## Use",
        _use(plugin, images),
        "## Trained on",
        _trained_on(config),
        "## Measured",
        _measured(evaluators),
        "## Made by",
        _command(config),
        "## Intended use",
        INTENDED_USE,
        "## Limits",
        LIMITATIONS,
    ]
    return "\n\n".join(sections) + "\n"


def hub_licence(name: str) -> str:
    """Return the Hub's identifier of a licence, ``other`` if it has none."""
    identifier = re.sub(r"[\s_]+", "-", name.strip().lower())
    return identifier if HUB_LICENCES.fullmatch(identifier) else "other"


def _header(config: Mapping[str, Any], evaluators: Mapping[str, Any]) -> str:
    plugin, source = config["plugin"], config["trained_on"]["dataset"]
    data, licence = source.get("name") or "unknown", source.get("license") or "unknown"
    header: dict[str, Any] = {"library_name": "brainzoo", "pipeline_tag": TASK}
    header["license"] = hub_licence(licence)
    if header["license"] == "other":
        header |= {"license_name": licence[:96], "license_link": "LICENSE"}
    header["datasets"] = [data]
    header["tags"] = ["brain", "mri", "medical", "synthetic", "not-for-diagnosis", plugin["name"]]
    results = list(_results(data, evaluators))
    if results:
        size = "x".join(map(str, config["images"]["spatial"]))
        name = f"{plugin['name']}-{data}-{size}".lower()
        header["model-index"] = [{"name": name, "results": results}]
    text = yaml.safe_dump(header, sort_keys=False, allow_unicode=True, width=1000).strip()
    return f"---\n{text}\n---"


def _results(data: str, evaluators: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a result an evaluator, with those of its figures that are numbers."""
    for evaluator, found in evaluators.items():
        metrics = [
            {
                "name": figure["name"],
                "type": re.sub(r"[^a-z0-9]+", "-", figure["name"].lower()).strip("-") or "figure",
                "value": figure["value"],
                "args": {
                    key: figure[key]
                    for key in ("n", "low", "high", "floor")
                    if figure.get(key) is not None
                },
            }
            for figure in found["metrics"]
            if figure["value"] is not None
        ]
        if metrics:
            yield {
                "task": {"type": TASK},
                "dataset": {"type": data, "name": f"{data}, test subjects"},
                "metrics": metrics,
                "source": {"name": f"brainzoo evaluate {evaluator}", "url": "./metrics.json"},
            }


def _use(plugin: Mapping[str, Any], images: Mapping[str, Any]) -> str:
    shape = ", ".join(map(str, [images["channels"], *images["spatial"]]))
    return f"""```bash
pip install '{plugin["distribution"]}{plugin["requires"]}'
```

```python
import brainzoo
generator = brainzoo.load("PATH")  # this folder, or hf:OWNER/REPOSITORY@COMMIT
images = generator.images(16, seed=0)  # (16, {shape}), grey values in [0, 1]
```"""


def _made_with(config: Mapping[str, Any]) -> str:
    plugin, parameters = config["plugin"], config["weights"]["parameters"]
    text = f"Made with `{plugin['distribution']}` {plugin['version']} ({parameters:,} parameters)."
    if config["trained_on"]["dataset"].get("simulated"):
        text += " It was trained on SIMULATED data."
    return text


def _trained_on(config: Mapping[str, Any]) -> str:
    data, images, prepared = config["trained_on"], config["images"], config["preprocessing"]
    source = data["dataset"]
    counted = f"{data['n_images']:,} of {data['n_subjects']:,} subjects"
    facts = {
        "Data": source.get("name") or "unknown",
        "Licence": source.get("license") or "unknown",
        "Address": source.get("url"),
        "Citation": source.get("citation"),
        "Images": f"{counted}, the training split only",
        "Classes": ", ".join(map(_class_of(data), images["classes"])) or "none",
        "Conditions": "; ".join(_conditions(config)),
        "Plane": prepared.get("plane"),
        "Orientation": prepared.get("orientation"),
        "Spacing": " × ".join(f"{s:g}" for s in prepared.get("spacing_mm") or ()) + " mm",
    }
    return "\n".join(f"- {name}: {_line(text)}" for name, text in facts.items() if text)


def _conditions(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what may be asked of samples besides the class, as --condition takes it."""
    for column in (config.get("conditions") or {}).get("columns", ()):
        if column["name"] != "class":
            values = " or ".join(column["levels"]) or f"{column['low']:g} to {column['high']:g}"
            yield f"{column['name']}={values}"


def _class_of(data: Mapping[str, Any]) -> Any:
    expressions = data.get("class_expressions") or {}

    def shown(name: str) -> str:
        return f"{name} ({expressions[name]})" if expressions.get(name) else name

    return shown


def _measured(evaluators: Mapping[str, Any]) -> str:
    rows = [
        (
            evaluator,
            figure["name"],
            _number(figure["value"]) + _interval(figure),
            _number(figure.get("floor")),
            f"{figure['n']:,}",
            figure.get("detail") or "",
        )
        for evaluator, found in evaluators.items()
        for figure in found["metrics"]
        if figure["value"] is not None
    ]
    if not rows:
        return "Not yet."
    head = ["| evaluator | figure | value (95 % interval) | floor | n | how |", "|" + "---|" * 6]
    lines = [
        "| " + " | ".join(_line(cell).replace("|", "\\|") for cell in row) + " |" for row in rows
    ]
    notes = [f"- {_line(note)}" for found in evaluators.values() for note in found.get("notes", ())]
    explained = (
        "The floor is the same figure for real images of other people in the place of the "
        "synthetic ones, or what chance gives; `metrics.json` holds all digits."
    )
    return "\n".join([*head, *lines, "", explained, *([""] if notes else []), *notes])


def _command(config: Mapping[str, Any]) -> str:
    made = config.get("training")
    if not made:
        return f"A generator of `{config['plugin']['distribution']}`; the command was not recorded."
    about = [f"seed {made['seed']}", made.get("hardware")]
    about += [f"brainzoo at commit {made['commit']}"] if made.get("commit") else []
    facts = ", ".join(part for part in about if part)
    text = f"```bash\n{_line(made['command'])}\n```\n\n{facts[:1].upper()}{facts[1:]}."
    if budgets := made.get("earlier_budgets"):
        text += (
            f" The budget was raised while it trained; before, it was {', then '.join(budgets)}. "
            "Learning rates and growth are fractions of a budget, so the command alone makes other "
            "weights."
        )
    return text


def _interval(figure: Mapping[str, Any]) -> str:
    if figure.get("low") is None or figure.get("high") is None:
        return ""
    return f" ({_number(figure['low'])} to {_number(figure['high'])})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _line(text: object) -> str:
    return " ".join(str(text).split())
