"""How well the brain is found in heads with skull: python tests/benchmarks/brain_extent.py

Compares the estimate from the outline of the head with DLMUSE labels, over the IXI scans in
../shared/data/ixi-t1-2mm, and prints the errors of each end in mm. The numbers in
brainzoo.preparation.head were fitted on the same scans; so a fit to one half is tried on the other.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from brainzoo.data.volumes import read_volume
from brainzoo.preparation import head
from brainzoo.preparation.scan import Scan

DATA = Path(__file__).parents[3] / "shared/data/ixi-t1-2mm"
NAMES = ("left", "right", "posterior", "anterior", "inferior", "superior")


def main() -> None:
    errors, fits = [], []
    for path in sorted((DATA / "t1").glob("*.nii.gz")):
        label = DATA / "seg" / path.name.replace("-T1.", "-DLMUSE.")
        scan, brain = Scan.of(read_volume(path)), Scan.of(read_volume(label)).view > 0
        found = head.find_head(scan, (1, 99.5))
        ends = [head.ends(brain, axis, np.full(3, 2.0), 1.0) for axis in range(3)]
        estimate = np.stack([found.low_mm, found.high_mm], axis=1)
        errors.append((estimate - np.array(ends)).ravel())
        values, _, step = scan.coarse(head.COARSE_MM)
        (left, right), (back, front), top = head.outline(head.foreground(values), step)
        fits.append((1.0, right - left, front - back, top - ends[2][0]))
    if not errors:
        sys.exit(f"there are no scans in {DATA}")
    print(f"{len(errors)} scans; estimate minus label, mm")
    for name, values in zip(NAMES, np.array(errors).T, strict=True):
        print(
            f"{name:10} mean {values.mean():+5.1f}, standard deviation {values.std():4.1f}, "
            f"largest {np.abs(values).max():4.1f}"
        )
    table = np.array(fits)
    for name, own, other in (
        ("first", slice(0, 60), slice(60, None)),
        ("second", slice(60, None), slice(0, 60)),
    ):
        fitted = np.linalg.lstsq(table[own, :3], table[own, 3], rcond=None)[0]
        left_over = table[other, 3] - table[other, :3] @ fitted
        print(
            f"inferior end fitted to the {name} half: {fitted.round(3)}, in the other half "
            f"mean {left_over.mean():+.1f}, standard deviation {left_over.std():.1f}"
        )


if __name__ == "__main__":
    main()
