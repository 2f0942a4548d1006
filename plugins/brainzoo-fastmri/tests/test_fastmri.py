"""The brain volumes of fastMRI, as made-up copies of its layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from brainzoo.common.errors import DataError, NotFoundError, OptionError
from brainzoo.testing import DatasetContract, make_volume
from brainzoo_fastmri.config import FastMriConfig
from brainzoo_fastmri.dataset import FastMri
from brainzoo_fastmri.files import FastMriVolume

XML = """<?xml version="1.0" encoding="utf-8"?>
<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD" xmlns:xs="http://www.w3.org/2001/XMLSchema">
 <studyInformation><studyTime>12:00:00</studyTime></studyInformation>
 <encoding>
  <encodedSpace><matrixSize><x>640</x><y>320</y><z>1</z></matrixSize>
   <fieldOfView_mm><x>440</x><y>220</y><z>7.5</z></fieldOfView_mm></encodedSpace>
  <reconSpace><matrixSize><x>{size}</x><y>{size}</y><z>1</z></matrixSize>
   <fieldOfView_mm><x>{fov}</x><y>{fov}</y><z>{thick}</z></fieldOfView_mm></reconSpace>
  <trajectory>cartesian</trajectory>
 </encoding>
</ismrmrdHeader>"""


def write(
    root: Path,
    number: int,
    patient: str,
    contrast: str = "AXT2",
    *,
    header: str | None = None,
    images: bool = True,
) -> Path:
    """Write a file as fastMRI does: slices from below, rows from the back to the front."""
    path = root / "multicoil_train" / f"file_brain_{contrast}_200_{6000000 + number}.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    head = make_volume(shape=(32, 32, 16), seed=number).data  # x, y, z: to the right, front, top
    slices = head.transpose(2, 1, 0)[:, :, ::-1].astype(np.float32) / 1e7
    text = XML.format(size=32, fov=224, thick=9) if header is None else header
    with h5py.File(path, "w") as file:
        file["kspace"] = np.zeros((16, 2, 4, 4), np.complex64)
        file["ismrmrd_header"] = text
        if images:
            file["reconstruction_rss"] = slices
        file.attrs["acquisition"] = contrast
        file.attrs["patient_id"] = patient
        file.attrs["max"] = float(slices.max())
    return path


def fastmri(root: Path, **options: Any) -> FastMri:
    return FastMri(FastMriConfig(root=root, **options))


class TestContract(DatasetContract):
    name = "fastmri"

    def options_in(self, folder: Path) -> dict[str, Any]:
        for number in range(4):
            write(folder, number, f"patient-{number}")
        return {"root": folder}


def test_files_of_one_patient_are_one_person_of_several_channels(tmp_path: Path) -> None:
    for number, contrast in enumerate(("AXT1POST", "AXT2", "AXFLAIR", "AXT1")):
        write(tmp_path, number, "a-hash", contrast)
    write(tmp_path, 7, "another", "AXT1PRE")
    people = {len(s.images): s for s in fastmri(tmp_path).subjects()}
    assert list(people[4].images) == ["T1w", "T2w", "FLAIR", "T1ce"]
    assert list(people[1].images) == ["T1w"]
    assert "a-hash" not in people[4].id
    only = list(fastmri(tmp_path, channels=("FLAIR",)).subjects())
    assert [list(s.images) for s in only] == [["FLAIR"]]


def test_a_contrast_taken_twice_is_another_scan_of_the_same_person(tmp_path: Path) -> None:
    for number in (1, 2):
        write(tmp_path, number, "a-hash")
    scans = list(fastmri(tmp_path).subjects())
    assert [s.scan for s in scans] == ["run-1", "run-2"]
    assert len({s.id for s in scans}) == 1


def test_a_volume_has_the_spacing_of_its_header_and_lies_about_its_middle(tmp_path: Path) -> None:
    path = write(tmp_path, 1, "a-hash")
    volume = FastMriVolume(path, "LAS")()
    assert volume.data.shape == (32, 32, 16)
    np.testing.assert_allclose(np.diag(volume.affine), [-7, 7, 9, 1])
    middle = (np.array(volume.data.shape) - 1) / 2
    np.testing.assert_allclose(volume.affine @ [*middle, 1], [0, 0, 0, 1], atol=1e-9)
    # In RAS+ it is the head that was written.
    head = make_volume(shape=(32, 32, 16), seed=1).data
    np.testing.assert_allclose(volume.data[::-1], head / 1e7, rtol=1e-6)


def test_what_has_no_images_or_shows_no_brain_is_left_out_and_said(tmp_path: Path) -> None:
    write(tmp_path, 1, "a-hash")
    write(tmp_path, 2, "b-hash", images=False)
    write(tmp_path, 3, "c-hash", "CORPD_FBK")
    dataset = fastmri(tmp_path)
    assert len(list(dataset.subjects())) == 1
    assert "1 without reconstruction_rss" in dataset.understood["left out"]
    assert "1 of CORPD_FBK" in dataset.understood["left out"]


def test_unusable_folders_and_files_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"--data\.root"):
        list(FastMri(FastMriConfig()).subjects())
    with pytest.raises(NotFoundError, match="no folder"):
        list(fastmri(tmp_path / "nowhere").subjects())
    with pytest.raises(DataError, match=r"no \.h5 files"):
        list(fastmri(tmp_path).subjects())
    with pytest.raises(OptionError, match="LAS, for example"):
        FastMriConfig(orientation="LLS")
    (tmp_path / "damaged.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(40))
    with pytest.raises(DataError, match=r"damaged\.h5 cannot be read as HDF5"):
        list(fastmri(tmp_path).subjects())


@pytest.mark.parametrize(
    "header",
    [
        "",
        "<ismrmrdHeader",
        '<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"/>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
        XML.format(size=0, fov=224, thick=9),
        XML.format(size=32, fov="nan", thick=9),
        XML.format(size=32, fov="many", thick=9),
    ],
)
def test_a_header_that_gives_no_spacing_is_refused(tmp_path: Path, header: str) -> None:
    path = write(tmp_path, 1, "a-hash", header=header)
    with pytest.raises(DataError, match="its ismrmrd_header"):
        FastMriVolume(path, "LAS")()


def test_a_file_reaches_no_other_file(tmp_path: Path) -> None:
    other = write(tmp_path, 1, "a-hash")
    raw = tmp_path / "secret.bin"
    raw.write_bytes(np.ones(64, np.float32).tobytes())
    for number, name in enumerate(("link", "external", "virtual")):
        path = write(tmp_path, 10 + number, "b-hash", images=False)
        with h5py.File(path, "a") as file:
            if name == "link":
                file["reconstruction_rss"] = h5py.ExternalLink(str(other), "reconstruction_rss")
            elif name == "external":
                where = [(str(raw), 0, 256)]
                file.create_dataset("reconstruction_rss", (4, 4, 4), "f4", external=where)
            else:
                layout = h5py.VirtualLayout((16, 32, 32), "f4")
                layout[:] = h5py.VirtualSource(str(other), "reconstruction_rss", (16, 32, 32))
                file.create_virtual_dataset("reconstruction_rss", layout)
        with pytest.raises(DataError, match="reconstruction_rss is"):
            FastMriVolume(path, "LAS")()
