"""The performance page: python tests/benchmarks/all.py [--write] [--quick]

Prints every table as Markdown, with date, machine and versions. --write puts them into
docs/performance.md between its two marks, in place of those that are there. What fails is told and
left out. --quick tries everything once, for a look whether it runs.
"""

from __future__ import annotations

import datetime
import gc
import platform
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import chunks
import dcgan
import evaluation
import flow
import pggan
import prepare
import start
import threads
import torch
import vae
import vqvae
from contest import hold, parser, say
from peers import versions

from brainzoo.common.files import write_bytes
from brainzoo.common.hardware import hardware
from brainzoo.training.devices import compute

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
MARKS = ("<!-- measured -->", "<!-- end of what was measured -->")
SMALL = {
    dcgan: {"sizes": "32"},
    pggan: {"sizes": "16", "base_channels": 16, "batch_size": 4},
    vae: {"sizes": "32", "batch_size": 4},
    vqvae: {"size": 32, "batch_size": 4, "widths": "16,32", "volume": 16, "sampled": 32},
    flow: {"size": 32, "batch_size": 4, "widths": "16,32"},
    evaluation: {"images": 8},
    prepare: {"made_up": 1},
    chunks: {"sizes": "32", "numbers": "4,8"},
}
SECTIONS = {
    "Training and sampling": (dcgan, pggan, vae, vqvae, flow),
    "Sampling by images at once": (chunks,),
    "Preparing scans": (prepare,),
    "Evaluation": (evaluation,),
    "Start-up and size": (start,),
    "Threads": (threads,),
}


def header(repeats: int) -> str:
    """Return date, machine and versions."""
    found = hardware()
    precision = "bf16" if compute("cpu").dtype is torch.bfloat16 else "float32"
    return (
        f"{datetime.date.today():%d %B %Y}: {found['cpu']}, {found['cores']} cores, "
        f"{torch.get_num_threads()} threads, Python {platform.python_version()}, torch "
        f"{torch.__version__.partition('+')[0]}. brainzoo trains in {precision} here, all others "
        f"in float32. Medians of {repeats} interleaved rounds, least and most in brackets; ratios "
        f"are medians of those within a round.\n\n{versions()}"
    )


def main() -> None:
    """Hold all contests and print the page."""
    options = parser(__doc__ or "")
    options.set_defaults(repeats=3, seconds=2.0)
    options.add_argument("--write", action="store_true", help="into docs/performance.md")
    options.add_argument("--quick", action="store_true", help="small, once: does it run?")
    given = options.parse_args()
    repeats, seconds = (1, 0.1) if given.quick else (given.repeats, given.seconds)
    parts, failed = [header(repeats)], []
    for title, scripts in SECTIONS.items():
        parts.append(f"## {title}")
        for script in scripts:
            begun = time.monotonic()
            try:
                for table in tables(script, repeats, seconds, quick=given.quick):
                    parts.append(table)
                    print(table, end="\n\n", flush=True)
                    gc.collect()
            except Exception:  # an hour's measuring is not lost for one of its parts
                traceback.print_exc()
                failed.append(script.__name__)
            say(f"{script.__name__}: {time.monotonic() - begun:.0f} s")
    text = "\n\n".join(parts)
    if given.write:
        write(text)
    if failed:
        sys.exit(f"failed and left out: {', '.join(failed)}")


def tables(script: Any, repeats: int, seconds: float, *, quick: bool) -> Iterator[str]:
    """Yield the tables of a script."""
    if script is threads:
        yield from threads.tables(5.0 if quick else 8 * seconds, min(repeats, 2))
        return
    chosen = getattr(script, "DEFAULTS", {}) | (SMALL.get(script, {}) if quick else {})
    for contest in script.contests(SimpleNamespace(**chosen)):
        yield hold(contest, repeats, seconds)
    if script is start:
        yield start.sizes()


def write(text: str) -> None:
    """Replace what stands between the marks of the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    page = f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{after}"
    write_bytes(PAGE, page.encode())
    say(f"written: {PAGE}")


if __name__ == "__main__":
    main()
