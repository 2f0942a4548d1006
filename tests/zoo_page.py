"""Write what the documents say of the checkpoints that ship: docs/zoo.md and the README's table.

    python tests/zoo_page.py

Every figure is read from the checkpoints. A test fails while the documents say something else.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ship import SHOWN

from brainzoo.checkpoint.card import model_card
from brainzoo.checkpoint.names import METRICS, SAMPLES, VERDICT
from brainzoo.common.console import number
from brainzoo.zoo.entry import Entry, PackageSource
from brainzoo.zoo.registry import read_registry
from brainzoo_privacy.verdict import read_verdict

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "zoo.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- written by tests/zoo_page.py -->\n", "<!-- end -->\n"

HEAD = f"""{BEGIN}# The zoo

Checkpoints that come with their plugins: no download, no network. Every figure below is read from
the checkpoint itself; [evaluation.md](evaluation.md) says how to read one. The pictures show the
first 64 samples of seed 0 (16 of models of whole heads), of which none was picked;
`brainzoo sample NAME -n 64 --seed 0` makes them again.

    pip install brainzoo-pggan
    brainzoo sample pggan-ixi-64 -n 100

None is for diagnosis. All passed the privacy audit, of their samples and of their weights: that is
what [the audit](evaluation.md) could find, and no proof of anonymity. What failed it ships no
longer ([results.md](results.md#what-failed-and-why)).

"""


def main() -> None:
    for path, content in documents().items():
        path.write_text(content, encoding="utf-8")
    for entry in shipped():
        shutil.copyfile(folder_of(entry) / SAMPLES, picture_of(entry))


def documents() -> dict[Path, str]:
    """Return what the documents should hold, by path."""
    entries = shipped()
    page = HEAD + "".join(
        [*table(entries, link="#"), *(f"\n{s}" for e in entries for s in about(e))]
    )
    readme = README.read_text(encoding="utf-8")
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    short = "".join(table(entries, link="docs/zoo.md#"))
    return {PAGE: page, README: f"{before}{BEGIN}{short}{END}{after}"}


def shipped() -> list[Entry]:
    """Return the entries of brainzoo's registry whose files come with a plugin."""
    known = read_registry(ROOT / "registry.yaml")
    return [entry for entry in known if isinstance(entry.source, PackageSource)]


def folder_of(entry: Entry) -> Path:
    """Return where the files of an entry are in this repository."""
    assert isinstance(entry.source, PackageSource)
    return ROOT / "plugins" / entry.source.package / "src" / entry.source.path


def config_of(entry: Entry) -> dict[str, Any]:
    return json.loads((folder_of(entry) / "config.json").read_text(encoding="utf-8"))


def picture_of(entry: Entry) -> Path:
    return ROOT / "docs" / "pictures" / f"zoo-{entry.name}.png"


def table(entries: list[Entry], link: str) -> Iterator[str]:
    yield "| checkpoint | makes | of | MB | parameters | privacy |\n|---|---|---|---|---|---|\n"
    for entry in entries:
        config = config_of(entry)
        images, data = config["images"], config["trained_on"]
        size = " × ".join(map(str, images["spatial"]))
        spacing = max(config["preprocessing"]["spacing_mm"])
        kind = "slices" if len(images["spatial"]) == 2 else "heads"
        cells = [
            f"[`{entry.name}`]({link}{entry.name})",
            f"{' + '.join(config['preprocessing']['channels'])} {kind} of {size}, {spacing:g} mm",
            f"{data['n_subjects']} subjects of {data['dataset']['name']}",
            f"{entry.size / 1e6:.1f}",
            f"{config['weights']['parameters']:,}",
            read_verdict(folder_of(entry) / VERDICT).outcome,
        ]
        yield f"| {' | '.join(cells)} |\n"


def about(entry: Entry) -> Iterator[str]:
    """Yield the section of one checkpoint: picture, what its card says, all figures."""
    folder = folder_of(entry)
    metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))["evaluators"]
    config = config_of(entry)
    yield f"## {entry.name}\n"
    shown = SHOWN[len(config["images"]["spatial"])]
    yield f"![The first {shown} samples of seed 0](pictures/{picture_of(entry).name})\n"
    card = model_card(config, {})
    yield from (f"{part}\n" for part in card.split("\n\n") if part.startswith("Made with"))
    yield card.partition("## Trained on\n\n")[2].partition("\n\n")[0] + "\n"
    yield card.partition("## Made by\n\n")[2].partition("\n\n## ")[0] + "\n"
    yield "".join(figures(metrics))
    notes = [
        f"- {n}: {' '.join(note.split())}\n" for n, f in metrics.items() for note in f["notes"]
    ]
    yield "".join(notes)


def figures(metrics: dict[str, Any]) -> Iterator[str]:
    yield "| evaluator | figure | value (95 % interval) | floor | n |\n|---|---|---|---|---|\n"
    for name, found in metrics.items():
        for figure in found["metrics"]:
            if figure["value"] is None:
                continue
            low, high, floor = (figure.get(key) for key in ("low", "high", "floor"))
            interval = "" if low is None or high is None else f" ({number(low)} to {number(high)})"
            cells = [
                name,
                figure["name"].replace("|", "\\|"),
                f"{number(figure['value'])}{interval}",
                "" if floor is None else number(floor),
                f"{figure['n']:,}",
            ]
            yield f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    main()
