"""Builds the page: facts and pictures into the template, all of it escaped."""

from __future__ import annotations

import base64
import functools
import hashlib
import math
import os
import statistics
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from brainzoo.api import Images, checkpoint
from brainzoo_report import charts, facts
from brainzoo_report.config import ReportConfig
from brainzoo_report.evaluators import conclusion, evaluators_of, failed_of, mapping
from brainzoo_report.looks import film_of, pair
from brainzoo_report.overlays import overlays
from brainzoo_report.runfolder import RunFolder, dig, number
from brainzoo_report.templates import filled
from brainzoo_report.zoo import beside

FILES = {
    "samples": "the synthetic images with their table",
    "export": "exported files",
    "checkpoint": "the trained model, as it can be published",
    "progress": "pictures made while training",
    "evaluation.json": "everything that was measured",
    "evaluation": "pictures and files of the evaluators",
    "stats.jsonl": "losses and speed, a line per logging step",
    "run.yaml": "every setting; brainzoo run takes it again",
}


def render(images: Images, run: RunFolder, config: ReportConfig, folder: Path) -> str:
    """Return the page as HTML."""
    data = facts.data_of(run.prepared, _expressions(run)) if run.prepared else None
    film = film_of(run, config.frames)
    simulated = facts.simulated(images, run)
    looks = pair(images, run, film, config.images, config.real)
    if not images.synthetic and len(images):
        looks = type(looks)(real=looks.synthetic if config.real else None)
    if not len(images):
        run.notes.append("The run has made no images yet.")
    source = _source(images, run)
    evaluators = evaluators_of(run, config.real)
    run.notes += [
        f"The evaluator {name} failed; `brainzoo evaluate {name} RUN` tries again and says why."
        for name in failed_of(run)
    ]
    script = _asset("page.js")
    return page_of(
        "page.html.j2",
        script=Markup(script),
        script_hash=_csp_hash(script),
        name=" on ".join(filter(None, [facts.generator(images, run), source["name"]])),
        simulated=simulated,
        synthetic=images.synthetic or not len(images),
        headline=facts.headline(images, run),
        conclusion=conclusion(evaluators, run) if images.synthetic else "",
        started=facts.moment(run.text("started")),
        command=checkpoint.public_command(run.text("command"), names=True),
        tiles=list(_tiles(images, run, data)),
        pair=looks,
        sides=facts.sides(images, run),
        maps=overlays(images, run, config.images, config.real),
        zoo=beside(facts.generator(images, run), images) if simulated and len(images) else None,
        shows_people=not simulated
        and (looks.real is not None or any(found["pictures"] for found in evaluators)),
        real_left_out=not config.real,
        film=film,
        losses=_losses(run.stats),
        game=_game(run.stats),
        verdict=facts.verdict(run.stats),
        evaluators=evaluators,
        privacy=next(
            (f"measured-{i}" for i, e in enumerate(evaluators, 1) if e["name"] == "privacy"), ""
        ),
        data=data,
        ages=_ages(data),
        source=source,
        stages=facts.stages(run),
        settings={
            "Machine": [
                (k.replace("_gb", " (GB)"), v) for k, v in facts.flat(run.setting("hardware"))
            ],
            "Versions": list(facts.flat(run.setting("versions"))),
            "Generator": list(facts.flat(run.setting("generator"))),
            "Training": list(facts.flat(run.setting("train"))),
            "Preparation": list(facts.flat(run.setting("data", "prepare"))),
        },
        files=list(_files(run, folder)),
        notes=run.notes,
    )


def _tiles(
    images: Images, run: RunFolder, data: facts.Data | None
) -> Iterator[tuple[str, str, str]]:
    """Yield the few numbers at the top: value, name, and a word on it."""
    if data:
        yield f"{data.subjects:,}", "subjects", f"{data.images:,} images prepared"
    if run.stats:
        last = run.stats[-1]
        speeds = [s for line in run.stats if (s := number(line.get("images_per_second")))]
        speed = f"{statistics.median(speeds):,.0f} a second" if speeds else ""
        yield f"{last['images']:,.0f}", "images seen in training", speed
        seconds = number(last.get("seconds"))
        memory = max((number(line.get("memory_mb")) or 0 for line in run.stats), default=0)
        used = f"{memory / 1024:.1f} GB of memory at most" if memory else ""
        if seconds is not None:
            yield facts.duration(seconds), "of training", used
    if len(images):
        kind = "synthetic images made" if images.synthetic else "images"
        yield f"{len(images):,}", kind, " × ".join(map(str, images.spatial))


def _losses(stats: list[dict[str, Any]]) -> list[tuple[str, Markup]]:
    """Return the charts of the losses: one together, or one each where their scales differ."""
    names = list(dict.fromkeys(n for line in stats for n in mapping(line.get("losses"))))[:8]
    lines = [_line(str(n), stats, "losses", n) for n in names]
    sizes = [statistics.median([abs(y) for y in line.y if y == y] or [0]) for line in lines]
    together = max(sizes, default=0) <= 20 * max(min(sizes, default=0), 1e-12)
    groups = [lines] if together and len(lines) <= 4 else [[line] for line in lines]
    drawn = []
    for group in groups:
        title = "Loss: " + ", ".join(line.name for line in group) + " over the images seen"
        chart = charts.line_chart(group, title=title, x_label="images seen", smoothed=True)
        if chart:
            drawn.append(("Loss", chart))
    return drawn + _fits(stats)


def _fits(stats: list[dict[str, Any]]) -> list[tuple[str, Markup]]:
    """Return the chart of how badly the model fits people it trains on, and others."""
    scored = [line for line in stats if number(line.get("validation")) is not None]
    lines = [_line(name, scored, name) for name in ("validation", "training")]
    title = "Distance to images of people whom training sees, and of others; lower is better"
    chart = charts.line_chart(lines, title=title, x_label="images seen") if scored else Markup("")
    told = [line for line in stats if number(line.get("membership")) is not None]
    watched = charts.line_chart(
        [_line("membership", told, "membership")] if told else [],
        title="How well people seen in training are told from others by how near samples come",
        x_label="images seen",
        y_range=(0.0, 1.0),
        levels={"cannot tell": 0.5},
    )
    found = {"Fit": chart, "Membership": watched}
    return [(name, svg) for name, svg in found.items() if svg]


def _game(stats: list[dict[str, Any]]) -> Markup:
    lines = [
        _line(name, stats, key) for name, key in (("D(real)", "d_real"), ("D(fake)", "d_fake"))
    ]
    return charts.line_chart(
        lines,
        title="What the discriminator says of real and of synthetic images, over the images seen",
        x_label="images seen",
        y_range=(0.0, 1.0),
        levels={"cannot tell": 0.5},
        smoothed=True,
    )


def _ages(data: facts.Data | None) -> Markup:
    if not data:
        return Markup("")
    said = ", ".join(f"{name}: {count}" for name, count in data.ages.items())
    bars = {name: float(count) for name, count in data.ages.items()}
    return charts.bar_chart(bars, title=f"Subjects by age. {said}", x_label="age in years")


def _source(images: Images, run: RunFolder) -> dict[str, str]:
    info = run.prepared.info if run.prepared else images.info
    found = mapping(info.get("source"))
    source = {key: str(found.get(key) or "") for key in ("name", "license", "citation", "url")}
    source["name"] = source["name"] or Path(run.text("data", "name")).name
    if not source["url"].startswith(("https://", "http://")):
        source["url"] = ""
    return source


def _files(run: RunFolder, folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield link, name and meaning of what lies in the run folder."""
    for name, meaning in FILES.items():
        path = run.folder / name if run.folder else None
        if path is None or not path.exists():
            continue
        link = Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
        end = "/" if path.is_dir() else ""
        inside = sorted(p.name for p in path.iterdir() if p.is_dir()) if name == "export" else []
        yield (
            quote(link) + end,
            name + end,
            f"{meaning}: {', '.join(inside)}" if inside else meaning,
        )


def _expressions(run: RunFolder) -> dict[str, Any]:
    return mapping(run.prepared.info.get("class_expressions")) if run.prepared else {}


def _line(name: str, stats: list[dict[str, Any]], *keys: str) -> charts.Line:
    """Return the curve of what stands under keys; it has gaps where that is not a number."""
    found = [number(dig(line, *keys)) for line in stats]
    seen = [line["images"] for line in stats]
    return charts.Line(name, seen, [math.nan if y is None else y for y in found])


def page_of(template: str, **values: Any) -> str:
    """Fill the template of a page; everything in it is escaped but what is ``Markup``."""
    style = Markup(_asset("page.css"))
    about = {"style": style, "style_hash": _csp_hash(style), "version": version("brainzoo-core")}
    return filled(template, **about, **values)


@functools.cache
def _asset(name: str) -> str:
    return (Path(__file__).parent / "page" / name).read_text(encoding="utf-8")


def _csp_hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
