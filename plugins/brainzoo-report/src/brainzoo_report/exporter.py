"""The exporter ``report``: writes ``index.html``."""

from __future__ import annotations

from pathlib import Path

from brainzoo.api import Exporter, Images, new_folder
from brainzoo_report.config import ReportConfig
from brainzoo_report.render import render
from brainzoo_report.runfolder import read_run


class Report(Exporter):
    """One self-contained page about a run."""

    config: ReportConfig

    def export(self, images: Images, folder: Path, *, run: Path | None = None) -> list[Path]:
        """Write ``index.html``.

        What the run folder lacks or cannot be read is omitted, and the page says so.

        Raises:
            ExistsError: The folder is already there.
        """
        with new_folder(folder) as temporary:
            page = render(images, read_run(run), self.config, folder)
            (temporary / "index.html").write_text(page, encoding="utf-8")
        return [folder / "index.html"]
