"""How well regions are found: python tests/benchmarks/anatomy.py [HEADS] [MM] [WEIGHTS]

Segments every tenth of the IXI scans in ../shared/data/ixi-t1-2mm (12 by default) as the evaluator
anatomy does, and compares with their DLMUSE labels (region numbers from CBICA/NiChart_DLMUSE,
MUSE_ROI_complete_list.csv): the Dice coefficient, and over people the correlation of volumes and
their ratio. With MM 4, scans are first averaged to voxels of 4 mm. Prints seconds a head and the
peak of memory.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import nibabel
import numpy as np

from brainzoo_anatomy import segmentation
from brainzoo_anatomy.meshnet import MeshNet
from brainzoo_anatomy.regions import NAMES, numbers_of
from brainzoo_anatomy.weights import read_weights, weights_folder

SHARED = Path(__file__).parents[3] / "shared/data"
DATA = SHARED / "ixi-t1-2mm"
PERCENTILES = (1.0, 99.5)  # as scans are prepared
MUSE = {
    "grey matter": range(100, 208),
    "white matter": range(81, 96),
    "ventricles": (4, 11, 49, 50, 51, 52),
    "thalamus": (59, 60),
    "caudate": (36, 37),
    "putamen": (57, 58),
    "pallidum": (55, 56),
    "hippocampus": (47, 48),
    "amygdala": (31, 32),
    "cerebellum": (38, 39, 40, 41, 71, 72, 73),
    "brain stem": (35,),
    "brain": range(1, 208),
}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    mm = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    named = Path(sys.argv[3]) if len(sys.argv) > 3 else SHARED / "weights/meshnet/model30chan18cls"
    scans = sorted((DATA / "t1").glob("*.nii.gz"))
    if not scans:
        sys.exit(f"there are no scans in {DATA}")
    network = MeshNet(read_weights(weights_folder(named if named.is_dir() else None)))
    numbers = dict(zip(NAMES, numbers_of(network.weights.classes), strict=True))
    dice, own, muse, seconds = [], [], [], []
    for path in scans[:: max(1, len(scans) // count)][:count]:
        image = canonical(path)
        label = canonical(DATA / "seg" / path.name.replace("-T1.", "-DLMUSE.")).astype(np.uint8)
        label = label.repeat(2, 0).repeat(2, 1).repeat(2, 2)
        low, high = np.percentile(image, PERCENTILES)
        image = coarser(np.clip((image - low) / (high - low), 0, 1), mm // 2)
        begun = time.perf_counter()
        found, _ = segmentation.segment(network, image.astype(np.float32), (float(mm),) * 3)
        seconds.append(time.perf_counter() - begun)
        label = label[tuple(slice(n) for n in found.shape)]
        pairs = [(np.isin(found, numbers[n]), np.isin(label, MUSE[n])) for n in NAMES]
        dice.append([2 * (a & b).sum() / max(1, a.sum() + b.sum()) for a, b in pairs])
        own.append([a.sum() / 1000 for a, _ in pairs])
        muse.append([b.sum() / 1000 for _, b in pairs])
        print(f"{path.name}: {seconds[-1]:.1f} s, brain {dice[-1][-1]:.3f}", file=sys.stderr)
    print(f"{len(dice)} heads of {mm} mm; {network.where}\n")
    print(
        "| region | Dice, mean | least | r of volumes | volume / DLMUSE's |\n|---|---|---|---|---|"
    )
    for name, d, a, b in zip(NAMES, *map(np.transpose, (dice, own, muse)), strict=True):
        r, ratio = np.corrcoef(a, b)[0, 1], np.mean(a) / np.mean(b)
        print(f"| {name} | {d.mean():.2f} | {d.min():.2f} | {r:.2f} | {ratio:.2f} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"\n{np.median(seconds):.1f} s a head (median), peak {peak:.1f} GB")


def canonical(path: Path) -> np.ndarray:
    """Return a scan's values in RAS+ order."""
    image = nibabel.as_closest_canonical(nibabel.load(path))
    return np.asarray(image.dataobj, np.float32)


def coarser(image: np.ndarray, times: int) -> np.ndarray:
    """Return the means of blocks; what is left over at the ends is cut off."""
    if times < 2:
        return image
    x, y, z = (n // times for n in image.shape)
    cut = image[: x * times, : y * times, : z * times]
    return cut.reshape(x, times, y, times, z, times).mean((1, 3, 5))


if __name__ == "__main__":
    main()
