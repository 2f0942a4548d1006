from __future__ import annotations

import gzip
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainzoo.common.errors import AuthorisationError, DataError, DiskError
from brainzoo.data.volumes import Volume, read_volume, write_nifti

AFFINE = np.array([[0, 0, 1.2, -90], [-0.9, 0, 0, 120], [0, 0.9, 0, -120], [0, 0, 0, 1.0]])


def ramp(dtype: str = "int16", shape: tuple[int, ...] = (5, 6, 7)) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def write(
    path: Path, data: np.ndarray, affine: np.ndarray | None = AFFINE, **header: object
) -> Path:
    image = nibabel.Nifti1Image(data, affine)
    content = bytearray(image.to_bytes())
    for name, value in header.items():
        field = nibabel.Nifti1Header.template_dtype.fields[name]
        raw = np.array(value, dtype=field[0].base).tobytes()
        content[field[1] : field[1] + len(raw)] = raw
    path.write_bytes(gzip.compress(bytes(content)) if path.suffix == ".gz" else bytes(content))
    return path


def refused(path: Path) -> str:
    with pytest.raises(DataError) as error:
        read_volume(path)
    assert "\n" not in str(error.value)
    assert path.name in error.value.message
    return str(error.value)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32"])
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str, dtype: str) -> None:
    path = tmp_path / f"scan{suffix}"
    write_nifti(path, Volume(ramp(dtype), AFFINE))
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.data, ramp(dtype))
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-5)
    assert volume.data.dtype == dtype
    assert volume.spacing_mm == pytest.approx((0.9, 0.9, 1.2))
    assert volume.warnings == ()


def test_written_header_says_where_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "scan.nii.gz"
    write_nifti(path, Volume(ramp("float64"), AFFINE), description="synthetic " * 20)
    header = nibabel.load(path).header
    assert header.get_xyzt_units()[0] == "mm"
    assert header.get_zooms() == pytest.approx((0.9, 0.9, 1.2))
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 1)
    np.testing.assert_allclose(header.get_qform(), header.get_sform(), atol=1e-5)
    assert header.get_data_dtype() == np.float32
    assert bytes(header["descrip"].tobytes()).startswith(b"synthetic synthetic")
    for field in ("db_name", "aux_file", "intent_name"):
        assert header[field].tobytes().strip(b"\0") == b""


def test_same_volume_gives_same_bytes(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "b.nii.gz"):
        write_nifti(tmp_path / name, Volume(ramp(), AFFINE))
    content = (tmp_path / "a.nii.gz").read_bytes()
    assert content == (tmp_path / "b.nii.gz").read_bytes()
    assert content[4:8] == b"\0\0\0\0"  # no time of writing


def test_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    path = write(tmp_path / "scan.nii.gz", ramp("uint8"), scl_slope=2.5, scl_inter=-10)
    volume = read_volume(path)
    np.testing.assert_allclose(volume.data, ramp() * 2.5 - 10)
    assert volume.data.dtype == np.float32


def test_big_endian_float64_and_nifti2_are_read(tmp_path: Path) -> None:
    big = nibabel.Nifti1Image(ramp(), AFFINE).header.as_byteswapped(">")
    nibabel.Nifti1Image(ramp(), AFFINE, big).to_filename(tmp_path / "big.nii")
    np.testing.assert_array_equal(read_volume(tmp_path / "big.nii").data, ramp())
    nibabel.Nifti2Image(ramp("float64"), AFFINE).to_filename(tmp_path / "two.nii.gz")
    two = read_volume(tmp_path / "two.nii.gz")
    np.testing.assert_array_equal(two.data, ramp())
    assert two.data.dtype == np.float32


def test_a_trailing_dimension_of_one_is_no_fourth(tmp_path: Path) -> None:
    path = write(tmp_path / "scan.nii.gz", ramp(shape=(5, 6, 7, 1)))
    assert read_volume(path).data.shape == (5, 6, 7)


def test_gzip_of_several_members_and_odd_trailers(tmp_path: Path) -> None:
    content = nibabel.Nifti1Image(ramp(), AFFINE).to_bytes()
    whole = gzip.compress(content)
    cases = {
        "members": gzip.compress(content[:400]) + gzip.compress(content[400:]),
        "garbage": whole + b"garbage after the end",
        "zeros": whole + b"\0" * 512,
        "longer": gzip.compress(content + b"more"),
    }
    for name, bytes_ in cases.items():
        path = tmp_path / f"{name}.nii.gz"
        path.write_bytes(bytes_)
        np.testing.assert_array_equal(read_volume(path).data, ramp(), err_msg=name)


@pytest.mark.parametrize("keep", [0, 1, 10, 60, 200, 0.5, 0.9, 0.99])
def test_truncated_files_are_named_so(tmp_path: Path, keep: float) -> None:
    noise = np.random.default_rng(0).integers(0, 1000, (20, 20, 20), dtype=np.int16)
    for name in ("scan.nii.gz", "scan.nii"):
        path = write(tmp_path / name, noise)
        content = path.read_bytes()
        path.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
        message = refused(path)
        if isinstance(keep, float):
            assert "truncated" in message
            assert "again" in message


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = write(tmp_path / "bomb.nii", ramp(), dim=[3, 30000, 30000, 30000, 1, 1, 1, 1])
    assert "GiB" in refused(path)
    path = write(tmp_path / "hollow.nii.gz", ramp(), dim=[3, 1000, 1000, 1000, 1, 1, 1, 1])
    assert "cannot hold" in refused(path)


@pytest.mark.parametrize(
    ("data", "header", "words"),
    [
        (ramp(shape=(5, 6, 7, 3)), {}, "3 volumes (5 × 6 × 7 × 3)"),
        (np.zeros((5, 6, 7), np.int16), {}, "only zeros"),
        (np.full((5, 6, 7), 3, np.int16), {}, "same value, 3,"),
        (np.full((5, 6, 7), np.nan, np.float32), {}, "210 of 210 voxels that are NaN"),
        (np.where(ramp() == 3, np.inf, ramp()).astype(np.float32), {}, "1 of 210 voxels"),
        (ramp("complex64"), {}, "complex numbers"),
        (ramp(), {"datatype": 128, "bitpix": 24}, "one grey value per voxel"),
        (ramp(), {"datatype": 77}, "impossible header"),
        (ramp(), {"dim": [3, 0, 6, 7, 1, 1, 1, 1]}, "impossible header"),
        (ramp(), {"vox_offset": np.nan}, "impossible header"),
        (ramp(), {"srow_x": [0, 0, 0, 0]}, "wrong affine"),
        (ramp(), {"srow_x": [np.nan, 0, 0, 0]}, "wrong affine: it holds NaN"),
        (ramp(), {"srow_x": [1e38, 1e38, 1e38, 0]}, "wrong affine"),
        (ramp(), {"srow_x": [0, 0, 500.0, 0]}, "wrong affine: voxels of 0.9 × 0.9 × 500 mm"),
        (ramp(), {"srow_x": [-0.9, 0, 0.01, 0], "srow_y": [0.9, 0.9, 0, 0]}, "wrong affine"),
        (ramp(), {"magic": b"ni1"}, "single-file NIfTI"),
    ],
)
def test_bad_scans_get_one_clear_line(
    tmp_path: Path, data: np.ndarray, header: dict[str, object], words: str
) -> None:
    assert words in refused(write(tmp_path / "bad.nii.gz", data, **header))


def test_other_files_are_refused(tmp_path: Path) -> None:
    for name, content in {
        "empty.nii": b"",
        "empty.nii.gz": b"",
        "text.nii": b"age,sex\n" * 100,
        "text.nii.gz": gzip.compress(b"age,sex\n" * 100),
        "zip.nii.gz": b"PK\3\4" + b"\0" * 1000,
    }.items():
        (tmp_path / name).write_bytes(content)
        assert "NIfTI" in refused(tmp_path / name)
    assert "cannot be read" in refused(tmp_path / "absent.nii")
    (tmp_path / "folder.nii").mkdir()
    assert "cannot be read" in refused(tmp_path / "folder.nii")


def test_doubtful_headers_are_read_with_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path / "plain.nii", ramp(), None, pixdim=[1, 2, 3, 4, 1, 1, 1, 1])
    volume = read_volume(path)
    np.testing.assert_array_equal(np.diag(volume.affine), [2, 3, 4, 1])
    assert "neither sform nor qform" in volume.warnings[0]
    path = write(tmp_path / "odd.nii", ramp(), pixdim=[1, 2, 3, 4, 1, 1, 1, 1], qform_code=0)
    assert "using the affine" in read_volume(path).warnings[0]


ANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@ANY
@given(content=st.binary(max_size=800), packed=st.booleans())
def test_any_bytes_are_a_volume_or_an_error(tmp_path: Path, content: bytes, packed: bool) -> None:
    path = tmp_path / ("any.nii.gz" if packed else "any.nii")
    path.write_bytes(gzip.compress(content) if packed else content)
    assert_volume_or_error(path)


@ANY
@given(
    changes=st.lists(st.tuples(st.integers(0, 351), st.integers(0, 255)), min_size=1, max_size=12),
    dtype=st.sampled_from(["int16", "uint8", "float32", "float64"]),
)
def test_any_damaged_header_is_a_volume_or_an_error(
    tmp_path: Path, changes: list[tuple[int, int]], dtype: str
) -> None:
    content = bytearray(nibabel.Nifti1Image(ramp(dtype), AFFINE).to_bytes())
    for place, value in changes:
        content[place] = value
    path = tmp_path / "damaged.nii"
    path.write_bytes(content)
    assert_volume_or_error(path)


@ANY
@given(place=st.integers(0, 400), value=st.integers(0, 255))
def test_any_damaged_gzip_is_a_volume_or_an_error(tmp_path: Path, place: int, value: int) -> None:
    content = bytearray(gzip.compress(nibabel.Nifti1Image(ramp(), AFFINE).to_bytes()))
    content[place % len(content)] = value
    path = tmp_path / "damaged.nii.gz"
    path.write_bytes(content)
    assert_volume_or_error(path)


def assert_volume_or_error(path: Path) -> None:
    try:
        volume = read_volume(path)
    except DataError as found:
        lines = str(found).splitlines()
        assert len(lines) == 1
        return
    assert volume.data.ndim == 3
    assert np.isfinite(volume.affine).all()
    assert np.isfinite(volume.data).all()


def test_a_length_that_lies_in_the_trailer(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(nibabel.Nifti1Image(ramp(), AFFINE).to_bytes()))
    content[-4:] = struct.pack("<I", 2**31)
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(content)
    assert "damaged" in refused(path)


def test_writing_fails_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskError, match="full"):
        write_nifti(tmp_path / "scan.nii.gz", Volume(ramp(), AFFINE))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match="cannot be written as NIfTI"):
        write_nifti(tmp_path / "scan.nii.gz", Volume(np.zeros((2, 2, 2), "M8[s]"), AFFINE))
    assert not issubclass(DiskError, AuthorisationError)


def test_every_checksum_is_checked(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 4000, (20, 20, 20)).astype("int16")
    whole = write(tmp_path / "whole.nii.gz", noise).read_bytes()
    stored = gzip.compress(gzip.decompress(whole), 0)
    parts = gzip.decompress(whole)
    two = gzip.compress(parts[:5000]) + gzip.compress(parts[5000:])
    for kind, content in {
        "whole": whole,
        "stored": stored,
        "two": two,
        "more": whole + b"\0",
    }.items():
        (tmp_path / "whole.nii.gz").write_bytes(content)
        np.testing.assert_array_equal(read_volume(tmp_path / "whole.nii.gz").data, noise)
        places = np.linspace(12, len(content) - 1 - (kind == "more"), 150).astype(int)
        for n, place in enumerate(places):
            damaged = bytearray(content)
            damaged[place] ^= 1 << (n % 8)
            path = tmp_path / "damaged.nii.gz"
            path.write_bytes(bytes(damaged))
            try:
                found = read_volume(path).data
            except DataError:
                continue
            np.testing.assert_array_equal(found, noise, f"{kind} {place}")


def test_a_qfac_of_zero_means_one(tmp_path: Path) -> None:
    affine = np.diag([1.5, 1, 2, 1])
    qform = {"sform_code": 0, "qform_code": 1, "srow_x": [0, 0, 0, 0]}
    right = read_volume(write(tmp_path / "one.nii", ramp(), affine, **qform)).affine
    path = write(tmp_path / "zero.nii", ramp(), affine, **qform)
    content = bytearray(path.read_bytes())
    content[76:80] = struct.pack("<f", 0)
    path.write_bytes(bytes(content))
    np.testing.assert_array_equal(read_volume(path).affine, right)


def test_sform_and_qform_that_disagree_about_left_and_right(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(ramp(), np.diag([1.0, 1, 1, 1]))
    image.set_qform(np.diag([-1.0, 1, 1, 1]), 1)
    image.set_sform(np.diag([1.0, 1, 1, 1]), 1)
    (tmp_path / "a.nii").write_bytes(image.to_bytes())
    (warning,) = read_volume(tmp_path / "a.nii").warnings
    assert "left and right" in warning
    assert "using the sform" in warning


@pytest.mark.parametrize("suffix", [".mgh", ".mgz"])
def test_files_of_freesurfer(tmp_path: Path, suffix: str) -> None:
    image = nibabel.freesurfer.MGHImage(ramp("float32"), AFFINE)
    content = image.to_bytes()
    path = tmp_path / f"T1{suffix}"
    path.write_bytes(gzip.compress(content) if suffix == ".mgz" else content)
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.data, ramp("float32"))
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-4)
    path.write_bytes(path.read_bytes()[:300])
    assert "truncated" in refused(path) or "damaged" in refused(path)


def test_one_of_several_volumes(tmp_path: Path) -> None:
    data = ramp("int16", (4, 5, 6, 3))
    path = write(tmp_path / "four.nii.gz", data)
    np.testing.assert_array_equal(read_volume(path, index=2).data, data[..., 2])
    assert "3 volumes" in refused(path)
    with pytest.raises(DataError, match="at least 4"):
        read_volume(path, index=3)
