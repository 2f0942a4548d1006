"""What every exporter must do."""

# ruff: noqa: D102 (the names of the tests say what they ask)

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from brainzoo.common.errors import ExistsError
from brainzoo.data.images import Images
from brainzoo.plugin.interfaces import Exporter
from brainzoo.testing.heads import SUBJECT, make_images
from brainzoo.testing.plugin import PluginContract, files_below


class ExporterContract(PluginContract):
    """Exports made-up heads, real and synthetic, and asks what users and subjects rely on.

    Leave out of ``shapes`` what the exporter cannot write, and 2 of ``channels`` if it takes one
    only; images of 2 channels have label maps, too.
    """

    kind = "exporter"
    base = Exporter
    shapes: ClassVar[Sequence[tuple[int, ...]]] = ((32, 32), (16, 16, 16))
    channels: ClassVar[Sequence[int]] = (1, 2)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run every test of images once a shape."""
        if "synthetic" in metafunc.fixturenames:
            kinds = [(channels, *shape) for channels in self.channels for shape in self.shapes]
            names = ["x".join(map(str, kind)) for kind in kinds]
            metafunc.parametrize("synthetic", kinds, ids=names, indirect=True)

    @pytest.fixture
    def synthetic(self, request: pytest.FixtureRequest, tmp_path: Path) -> Images:
        """Images as if a generator had made them."""
        folder = tmp_path / "synthetic"
        channels, *spatial = request.param
        more = {"channels": channels, "labels": channels > 1}
        return make_images(folder, spatial=spatial, subjects=4, synthetic=True, **more)

    def run_folder(self, images: Images, folder: Path) -> Path | None:
        """Return the run that the images came from, for exporters that describe it."""
        return None

    def export(self, images: Images, folder: Path) -> list[Path]:
        """Export with the run that :meth:`run_folder` made."""
        exporter: Exporter = self.make()
        run = self.run_folder(images, folder.with_name(f"{folder.name}-run"))
        return exporter.export(images, folder, run=run)

    def test_writes_files_and_says_which(self, synthetic: Images, tmp_path: Path) -> None:
        written = self.export(synthetic, tmp_path / "out")
        assert written, "nothing was exported"
        assert len(set(written)) == len(written), "a path is returned twice"
        for path in written:
            assert path.is_file(), f"{path} was returned but is not a file"
            assert path.resolve().is_relative_to((tmp_path / "out").resolve()), (
                f"{path} lies outside the folder"
            )
            assert path.stat().st_size, f"{path} is empty"
        found = {path.resolve() for path in (tmp_path / "out").rglob("*") if path.is_file()}
        missing = found - {path.resolve() for path in written}
        assert not missing, f"not returned: {sorted(map(str, missing))[:3]}"

    def test_writes_nowhere_else(
        self, synthetic: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)
        for variable in ("HOME", "XDG_CACHE_HOME", "TMPDIR"):
            monkeypatch.setenv(variable, str(elsewhere))
        monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
        out = tmp_path / "place" / "out"
        out.parent.mkdir()
        exporter, run = self.make(), self.run_folder(synthetic, tmp_path / "run")
        before = files_below(tmp_path)
        exporter.export(synthetic, out, run=run)
        after = {n: c for n, c in files_below(tmp_path).items() if not n.startswith("place/out/")}
        changed = sorted(n for n in before.keys() | after.keys() if before.get(n) != after.get(n))
        assert not changed, (
            f"the exporter writes outside its folder, or changes what is there: {changed[:3]} "
            f"(in place of the current folder, home and temporary folder: elsewhere/)"
        )

    def test_never_overwrites(self, synthetic: Images, tmp_path: Path) -> None:
        self.export(synthetic, tmp_path / "out")
        before = files_below(tmp_path / "out")
        with pytest.raises(ExistsError):
            self.export(synthetic, tmp_path / "out")
        assert files_below(tmp_path / "out") == before, "a refused export changed files"

    def test_synthetic_files_name_no_real_subject(self, synthetic: Images, tmp_path: Path) -> None:
        self.export(synthetic, tmp_path / "out")
        for name, content in files_below(tmp_path / "out").items():
            assert SUBJECT not in name, f"the name {name} holds the id of a real subject"
            assert SUBJECT.encode() not in unpacked(content), f"{name} names a real subject"


def unpacked(content: bytes) -> bytes:
    """Return a file's bytes, decompressed where they are gzip."""
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return content
