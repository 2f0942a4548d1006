"""Use your own folder of NIfTI scans, with a table of ages and sexes.

    python examples/02_own_nifti_folder.py [OUT]

It makes such a folder of simulated scans first; put the path of yours in its place. A few seconds.
Needs brainzoo-atlas.
"""

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from brainzoo.data.pictures import grid
from brainzoo.data.volumes import write_nifti
from brainzoo.datasets.config import FolderConfig
from brainzoo.datasets.folder import Folder
from brainzoo.preparation.prepare import PrepareConfig, prepare
from brainzoo_atlas.config import AtlasConfig
from brainzoo_atlas.dataset import Atlas


def make_folder(folder: Path) -> None:
    """Write what a study's folder often looks like: scans, and who they are of."""
    folder.mkdir(parents=True)
    rows = ["participant_id\tage\tsex"]
    for number, subject in enumerate(Atlas(AtlasConfig(subjects=12)).subjects()):
        assert callable(subject.source)
        write_nifti(folder / f"P{number:02d}_T1w.nii.gz", subject.source())
        rows.append(f"P{number:02d}\t{subject.covariates['age']}\t{subject.covariates['sex']}")
    (folder / "participants.tsv").write_text("\n".join(rows) + "\n")


def main(out: Path) -> None:
    """Prepare the folder and say what is in it."""
    scans = out / "scans"
    make_folder(scans)
    print(f"a folder of scans: {scans}")
    for path in sorted(scans.iterdir())[:3]:
        print(f"    {path.name}")

    images = prepare(
        Folder(FolderConfig(root=scans)),
        PrepareConfig(size=64, slices=8),
        name="folder",
        classes={"young": "age < 45", "old": "age >= 45"},
        out=out / "images",
    )

    print(f"prepared: {images} of {len(images.subjects())} people, spacing in mm and all the rest")
    print(f"    in {out / 'images' / 'images.json'}")
    print(f"splits, by person:  {dict(Counter(images.column('split')))}")
    print(f"classes:            {dict(Counter(images.column('class')))}")
    (out / "slices.png").write_bytes(grid(images.floats()[:32]))
    print(f"look at: {out / 'slices.png'}")
    print("the same on the command line, and a generator that learns from it:")
    print(f"    brainzoo data folder --data.root {scans}")
    print(f"    brainzoo run dcgan --data {out / 'images'} --preset quick")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "out", nargs="?", type=Path, help="a new folder; by default a temporary one"
    )
    main(parser.parse_args().out or Path(tempfile.mkdtemp(prefix="brainzoo-")))
