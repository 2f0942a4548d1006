"""The handwritten digits of scikit-learn, as pictures that brainzoo prepares."""

from collections.abc import Iterator
from pathlib import Path

from brainzoo.api import Dataset, Subject, home, new_folder

from brainzoo_digits.config import DigitsConfig


class Digits(Dataset):
    """One picture a "subject": scikit-learn does not say who wrote which."""

    license = "CC-BY-4.0"
    citation = (
        "Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine "
        "Learning Repository, doi:10.24432/C50P49"
    )
    url = "https://archive.ics.uci.edu/dataset/80"
    channels = ("handwriting",)

    config: DigitsConfig

    def download(self) -> None:
        """Unpack the pictures from scikit-learn into brainzoo's cache, once."""
        if self._folder.is_dir():
            return
        import numpy as np
        from PIL import Image
        from sklearn.datasets import load_digits

        digits = load_digits()
        chosen = digits.images[digits.target == self.config.digit]
        with new_folder(self._folder) as folder:
            for number, pixels in enumerate(chosen):  # 8 × 8, ink from 0 to 16
                grey = np.rint(pixels * (255 / 16)).astype(np.uint8)
                Image.fromarray(grey).save(folder / f"{number:03d}.png")

    def subjects(self) -> Iterator[Subject]:
        """Yield the pictures in scikit-learn's order."""
        for path in sorted(self._folder.glob("*.png")):
            yield Subject(f"digit-{self.config.digit}-{path.stem}", {"handwriting": path})

    @property
    def _folder(self) -> Path:
        return home() / "digits" / str(self.config.digit)
