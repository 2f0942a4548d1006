"""The exporter ``quiz``: a run's samples, and the real images it did not learn from, as a study."""

from __future__ import annotations

from pathlib import Path

from brainzoo.api import Exporter, Images, OptionError, console
from brainzoo_quiz.audit.table import audit_lines
from brainzoo_quiz.config import QuizConfig
from brainzoo_quiz.exporting import export_study
from brainzoo_quiz.study.sources import Sources, real_images


class Quiz(Exporter):
    """The exporter ``quiz``."""

    config: QuizConfig

    def export(self, images: Images, folder: Path, *, run: Path | None = None) -> list[Path]:
        """Write a study folder.

        Args:
            images: The created images.
            folder: The new folder.
            run: The run they came from: its test split is what is real, unless ``real`` is given,
                and its checkpoint made them.

        Returns:
            The files written, sorted.

        Raises:
            OptionError: There is neither a run nor ``real``.
            ExistsError: The folder is already there.
            DataError: Images are too few, were treated differently, or leak.
        """
        place = self.config.real or run
        if place is None:
            raise OptionError(
                "a study needs real images, too.", "Export a RUN, or give --quiz.real IMAGES."
            )
        checkpoint = self.config.checkpoint
        if checkpoint is None and run and (run / "checkpoint" / "config.json").is_file():
            checkpoint = run / "checkpoint"
        found = export_study(Sources(real_images(place), images, checkpoint), folder, self.config)
        for line in (*audit_lines(found["audit"]), *found["notes"]):
            console.note(line)
        return sorted(path for path in folder.rglob("*") if path.is_file())
