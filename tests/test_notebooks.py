"""The notebooks in examples/ run from top to bottom, and are stored without outputs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# What only makes images better is shorter here: seconds of training.
SHORTER = {"own_data": ("--minutes 0.15", "--images 320")}
NOTEBOOKS = sorted((Path(__file__).parent.parent / "examples").glob("*.ipynb"))


@pytest.mark.filterwarnings("ignore")  # of the Jupyter client itself
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_a_picture(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs for cell in cells), "clear its outputs before you commit it"
    if path.stem in SHORTER:
        (training,) = [cell for cell in cells if SHORTER[path.stem][0] in cell.source]
        training.source = training.source.replace(*SHORTER[path.stem])
    client = nbclient.NotebookClient(
        notebook, timeout=240, resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    shown = [str(output.get("data", "")) for cell in cells for output in cell.outputs]
    assert any("data:image/png" in text for text in shown)
