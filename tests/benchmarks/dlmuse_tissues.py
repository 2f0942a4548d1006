"""IXI with three tissue labels: python tests/benchmarks/dlmuse_tissues.py IXI FOLDER

Writes a copy of IXI whose label maps hold 1 ventricles, 2 grey and 3 white matter, out of DLMUSE's
regions (numbers from CBICA/NiChart_DLMUSE, MUSE_ROI_complete_list.csv), for ``segtrain``:

    brainzoo run dcgan --data ixi --data.root FOLDER --preset quick --minutes 6 --evaluate segtrain
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import nibabel
import numpy as np

VENTRICLES = (4, 11, 49, 50, 51, 52)
GREY = (23, 30, 31, 32, 36, 37, 47, 48, 55, 56, 57, 58, 59, 60, *range(100, 208))
WHITE = range(81, 96)


def main() -> None:
    source, target = map(Path, sys.argv[1:3])
    tissues = np.zeros(256, np.uint8)
    for number, regions in enumerate((VENTRICLES, GREY, WHITE), 1):
        tissues[list(regions)] = number
    shutil.copytree(source / "t1", target / "t1")
    shutil.copyfile(source / "participants.csv", target / "participants.csv")
    (target / "seg").mkdir()
    for path in sorted((source / "seg").glob("*.nii.gz")):
        labels = nibabel.load(path)
        merged = tissues[np.asarray(labels.dataobj).astype(np.uint8)]
        nibabel.save(nibabel.Nifti1Image(merged, labels.affine), target / "seg" / path.name)


if __name__ == "__main__":
    main()
