"""A comparison of runs as a folder: ``comparison.json``, and one self-contained page."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from brainzoo.common import console
from brainzoo.common.errors import BrainzooError
from brainzoo.common.files import free_folder, new_folder
from brainzoo.common.version import __version__
from brainzoo.data.images import Images
from brainzoo.data.pictures import grid, png_bytes
from brainzoo.evaluating.comparison import sentences

PAGE = "index.html"
SAMPLES = 32  # shown of each run
WIDTH, ROW, PAD = 240, 14, 8  # of a figure's plot, in pixels
TONES = 4  # colours that tell runs apart; beyond, they repeat


def write(found: Mapping[str, Any], runs: Sequence[Path], out: Path | None) -> Path:
    """Write a comparison as a new folder and return it.

    Args:
        found: What :func:`brainzoo.evaluating.comparison.compare` returned.
        runs: The folders compared; their samples are shown, if they have any.
        out: The new folder; by default ``comparison-001``, or the next number that is free.

    Raises:
        ExistsError: The folder is already there.
    """
    folder = out or free_folder("comparison")
    page = _page(found, runs)
    with new_folder(folder) as temporary:
        text = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)
        (temporary / "comparison.json").write_text(text + "\n", encoding="utf-8")
        (temporary / PAGE).write_text(page, encoding="utf-8")
    return folder


def _page(found: Mapping[str, Any], runs: Sequence[Path]) -> str:
    names = [run["name"] for run in found["runs"]]
    title = f"{len(names)} runs side by side"
    style = (Path(__file__).parent / "comparison_page.css").read_text(encoding="utf-8")
    style_hash = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{style_hash}'"
    test = found["test"]
    about = (
        f"All were measured on the same {test['images']:,} test images of {test['subjects']:,} "
        "subjects, who are not those trained on. Synthetic images are not for diagnosis."
    )
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<title>{title} · brainzoo</title><link rel="icon" href="data:,">',
        f"<style>{style}</style></head><body><h1>{title}</h1>",
        f"<p>{', '.join(_run(i, name) for i, name in enumerate(names))}</p>",
        f"<p>{about}</p>",
        *(f"<p><strong>{escape(note)}</strong></p>" for note in found["notes"]),
        "<h2>What differs</h2>",
        *_differing(found),
        *_looks(runs, names),
    ]
    for name, part in found["evaluators"].items():
        parts += [f"<h2>{escape(name)}</h2>"]
        parts += [f"<p>{escape(note)}</p>" for note in part["notes"]]
        parts += _table(names, part["metrics"])
    parts.append(f'<p class="small">Made by brainzoo {__version__}. Not a medical device.</p>')
    return "\n".join([*parts, "</body></html>\n"])


def _differing(found: Mapping[str, Any]) -> Iterator[str]:
    said = list(sentences(found))
    if said:
        yield f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in said)}</ul>"
    yield (
        f"<p>{found['exceed']} of {found['compared']} differences exceed their intervals; about "
        f"{found['by_chance']:g} would by chance alone.</p>"
    )
    rules = found["rules"]
    yield f'<p class="small">{escape(rules["difference"].capitalize())}.</p>'
    yield f'<p class="small">Grey, in italics, {escape(rules["floor"])}.</p>'


def _looks(runs: Sequence[Path], names: Sequence[str]) -> Iterator[str]:
    """Yield the first samples of each run; nothing if none has any."""
    figures = []
    for i, (run, name) in enumerate(zip(runs, names, strict=True)):
        try:
            images = Images.open(run / "samples")[:SAMPLES]
            picture = png_bytes(grid(images.floats()))
        except BrainzooError as error:
            console.note(f"{name}: its images are not shown: {error.message}")
            continue
        code = base64.b64encode(picture).decode()
        caption = f"{_run(i, name)}: the first {len(images)} images it made, none picked"
        figures.append(
            f"<figure><figcaption>{caption}</figcaption>"
            f'<img src="data:image/png;base64,{code}" alt="Images of {escape(name)}"></figure>'
        )
    if figures:
        yield f'<h2>Images</h2><div class="looks">{"".join(figures)}</div>'


def _table(names: Sequence[str], figures: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not figures:
        return
    heads = "".join(f'<th scope="col">{_run(i, name)}</th>' for i, name in enumerate(names))
    yield (
        '<div class="scroll" tabindex="0" role="region" aria-label="Figures"><table><thead><tr>'
        f'<th scope="col">MetricValue</th>{heads}<th scope="col">Floor</th><th scope="col">n</th>'
        '<th scope="col">Intervals, floor dashed</th></tr></thead><tbody>'
    )
    for figure in figures:
        there = [value for value in figure["values"] if value]
        floors = sorted({_number(v["floor"]) for v in there if v.get("floor") is not None})
        counts = sorted({f"{v['n']:,}" for v in there})
        counting = any(difference["exceeds"] for difference in figure["differences"])
        yield (
            f'<tr><th scope="row"{_class("counts", counting)}>{escape(figure["name"])}</th>'
            f"{''.join(map(_cell, figure['values']))}"
            f'<td class="n">{" / ".join(floors)}</td><td class="n">{" / ".join(counts)}</td>'
            f"<td>{_plot(figure, names)}</td></tr>"
        )
    yield "</tbody></table></div>"


def _cell(value: Mapping[str, Any] | None) -> str:
    if value is None:
        return '<td class="n">–</td>'
    text = f'<td class="n{" floor" if value["at_floor"] else ""}">{_number(value["value"])}'
    if value.get("low") is not None and value.get("high") is not None:
        ends = f"{_number(value['low'])} to {_number(value['high'])}"
        text += f'<span class="interval">{ends}</span>'
    return f"{text}</td>"


def _plot(figure: Mapping[str, Any], names: Sequence[str]) -> str:
    """Draw a line a run from low to high with a dot at its value, and its floor."""
    keys = ("value", "low", "high", "floor")
    known = [v[k] for v in figure["values"] if v for k in keys if v.get(k) is not None]
    if not known or min(known) == max(known):
        return ""
    low, high = min(known), max(known)

    def x(value: float) -> str:
        return f"{PAD + (value - low) / (high - low) * (WIDTH - 2 * PAD):.1f}"

    height = ROW * len(names) + 4
    title = escape(f"{figure['name']} from {_number(low)} to {_number(high)}")
    parts = [f'<svg width="{WIDTH}" height="{height}" role="img" aria-label="{title}">']
    for i, value in enumerate(figure["values"]):
        if not value or value["value"] is None:
            continue
        y, tone = 2 + ROW * i + ROW // 2, f"tone-{i % TONES}"
        if value.get("floor") is not None:
            at = x(value["floor"])
            parts.append(f'<line class="real" x1="{at}" x2="{at}" y1="{y - 7}" y2="{y + 7}"/>')
        if value.get("low") is not None and value.get("high") is not None:
            ends = f'x1="{x(value["low"])}" x2="{x(value["high"])}"'
            parts.append(f'<line class="{tone}" {ends} y1="{y}" y2="{y}"/>')
        parts.append(f'<circle class="{tone}" cx="{x(value["value"])}" cy="{y}" r="4"/>')
    return "".join([*parts, "</svg>"])


def _run(i: int, name: str) -> str:
    return f'<span class="run tone-{i % TONES}">{escape(name)}</span>'


def _class(name: str, given: bool) -> str:
    return f' class="{name}"' if given else ""


def _number(value: float | None) -> str:
    return console.number(value).replace("-", "−")
