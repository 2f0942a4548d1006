"""How well deepbet finds the brain: python tests/benchmarks/masks.py [DATA]

Compares its masks with the DLMUSE labels of the IXI scans in ../shared/data/ixi-t1-2mm, and prints
the Dice coefficient and seconds a scan on one thread. DLMUSE counts no fluid around the brain as
brain, deepbet some of it: the ratio of volumes says how much larger its masks are.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from brainzoo.data.volumes import Volume
from brainzoo_prepare.masks import brain_mask
from brainzoo_prepare.scans import ras

DATA = Path(__file__).parents[3] / "shared/data/ixi-t1-2mm"


def main() -> None:
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    scans = sorted((data / "t1").glob("*.nii.gz"))
    if not scans:
        sys.exit(f"found no scans in {data}")
    dice, ratios, seconds = {}, [], []
    for path in scans:
        label = ras(Volume.read(data / "seg" / path.name.replace("-T1.", "-DLMUSE."))).data > 0
        scan = Volume.read(path)
        started = time.process_time()
        found = brain_mask(scan).data > 0
        seconds.append(time.process_time() - started)
        dice[path.name] = 2 * (found & label).sum() / (found.sum() + label.sum())
        ratios.append(found.sum() / label.sum())
        print(f"{len(dice)} of {len(scans)}: {dice[path.name]:.3f}", file=sys.stderr)
    values = np.array(list(dice.values()))
    least = min(dice, key=lambda name: dice[name])
    print("| scans | Dice, mean | SD | least | 5th percentile | volume / DLMUSE's | CPU s a scan |")
    print("|---|---|---|---|---|---|---|")
    print(
        f"| {len(values)} | {values.mean():.4f} | {values.std(ddof=1):.4f} | {values.min():.4f} | "
        f"{np.percentile(values, 5):.4f} | {statistics.mean(ratios):.3f} | "
        f"{statistics.median(seconds):.1f} |\n\nleast: {least}"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRAINZOO_HOME", folder)  # so that no mask is there already
        main()
