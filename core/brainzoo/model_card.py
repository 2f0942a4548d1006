"""The README.md of a checkpoint: what a person must know before using it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml


def model_card(config: Mapping[str, Any]) -> str:
    """Return a model card for a checkpoint's configuration, with the Hub's YAML header."""
    plugin, data = config["plugin"], config["trained_on"]
    source = data["dataset"]
    images = config["images"]
    size = " × ".join(map(str, images["spatial"]))
    header = {
        "library_name": "brainzoo",
        "pipeline_tag": "unconditional-image-generation",
        "license": "other",
        "license_name": source.get("license", "unknown"),
        "tags": ["brain", "mri", "medical", "synthetic", plugin["name"]],
    }
    simulated = " It was trained on SIMULATED data." if source.get("simulated") else ""
    spacing = " × ".join(f"{s:g}" for s in config["preprocessing"].get("spacing_mm", []))
    return f"""---
{yaml.safe_dump(header, sort_keys=False, allow_unicode=True).strip()}
---

# {plugin["name"]} for brain MRI, {size}

![Samples of seed 0](samples.png)

Made by `{plugin["distribution"]}` {plugin["version"]}.{simulated}

## Use

```python
import brainzoo
generator = brainzoo.load("this-folder")
images = next(generator.sample(16, seed=0))  # (16, {images["channels"]}, {size}) in [0, 1]
```

## Trained on

{data["n_images"]} images of {data["n_subjects"]} subjects of {source.get("name", "unknown")}
({source.get("license", "licence unknown")}), the training split only; spacing {spacing} mm.
Classes: {", ".join(images["classes"]) or "none"}.

{source.get("citation", "")}

## Limits

The images are synthetic. They are not for diagnosis, and they are no proof of anonymity: how close
they come to training subjects must be measured before they are shared.
"""
