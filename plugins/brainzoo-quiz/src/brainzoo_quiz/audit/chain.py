"""Did real and created images come the same way? What their folders say, and what can be checked.

Pixels alone cannot tell a generator that blurs from created images that were resampled: both lack
high frequencies. The first is the model's fault, and readers may well see it; the second is a leak,
and tells nothing of the model. So the way is checked, not guessed:

- What both folders state (plane, spacing, preparation) must agree, and their
  fingerprints must fit, so that nothing was done to the files since.
- If the generator is at hand, some images are drawn again from its checkpoint and their seed: if
  the same come out, nothing was done to the created images after the generator. Its checkpoint
  holds hashes of the people it learnt from: if they are those of the training split beside the real
  images, it learnt from what they are the test split of. Whatever differs then is the model's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from brainzoo.api import BrainzooError, DataError, Images, console, load
from brainzoo.api import checkpoint as checkpoints

DRAWN_AGAIN = 8
TOLERANCE = 2 / 255  # other hardware sums in another order

STATED = ("channels", "dims", "plane", "spacing_mm", "orientation", "value_range")
"""What both folders must agree on."""

NO_MATTER = ("split_seed", "split_fractions", "max_subjects")
"""Options of preparing that change no pixel of an image."""

ORDER = "Give REAL first, then SYNTHETIC."


Chain = dict[str, str]
"""What is known of how both kinds were made. ``alike`` is ``verified``: nothing but the generator
lies between them; ``vouched``: the owner says so; or ``unknown``. ``why`` is one sentence."""


def expect_same_chain(real: Images, created: Images) -> None:
    """Refuse sets that their own descriptions say were treated differently.

    Raises:
        DataError: Shapes or descriptions differ; or real is synthetic, or created real.
    """
    if real.synthetic:
        raise DataError("the real images were made by a generator.", ORDER)
    if not created.synthetic:
        raise DataError("the created images are real.", ORDER)
    of_real, of_created = _stated(real), _stated(created)
    for name, stated in of_real.items():
        other = of_created.get(name)
        if stated is not None and other is not None and stated != other:
            raise DataError(
                f"leak: {name} of real images is {stated}, of created ones {other}; readers would "
                "tell them apart by that.",
                "Prepare the real images as those that the generator learnt from.",
            )


def _stated(images: Images) -> dict[str, Any]:
    """Return what a set says of itself; a plain folder of pictures has no dataset."""
    preparation = images.info.get("preparation") or {}
    source = images.info.get("source") or {}
    return {
        "size": list(images.spatial),
        **{name: images.info.get(name) for name in STATED},
        "dataset": source.get("name") if preparation else None,
        **{
            f"preparation ({name})": value
            for name, value in sorted(preparation.items())
            if name not in NO_MATTER
        },
    }


def chain_of(
    real: Images, created: Images, checkpoint: Path | None = None, vouched: str = ""
) -> Chain:
    """Find out whether only the generator lies between both kinds.

    Raises:
        IntegrityError: A folder's content does not fit its fingerprint.
    """
    for images in (real, created):
        if images.folder is not None:
            console.note(f"checking the fingerprint of {images.folder.name}")
            Images.open(images.folder, verify=True)
    doubt = _doubt(real, created, checkpoint)
    if vouched and doubt:
        why = f"The owner vouches for it: {vouched} (unchecked: {doubt})"
        return {"alike": "vouched", "why": why}
    if doubt:
        return {"alike": "unknown", "why": f"Unknown: {doubt}"}
    why = f"{min(DRAWN_AGAIN, len(created))} of the created images were drawn again from their "
    return {"alike": "verified", "why": f"{why}checkpoint: nothing was done to them afterwards."}


def _doubt(real: Images, created: Images, checkpoint: Path | None) -> str:
    """Return what keeps us from knowing; empty if nothing does."""
    if not (real.info.get("preparation") and created.info.get("preparation")):
        return "the folders do not say how their images were prepared."
    if checkpoint is None:
        return "there is no checkpoint to draw the created images again."
    try:
        address = checkpoint if checkpoint.exists() else str(checkpoint)
        generator = load(address, **created.info.get("sampling", {}))
        config = checkpoints.read_config(generator.folder)
        if config["weights"]["sha256"] != created.info.get("checkpoint_sha256"):
            return f"{checkpoint} did not make the created images."
        learnt_from = _learnt_from(config["trained_on"], _whole(real))
        if not learnt_from:
            return "the generator learnt from other images than those beside the real ones."
        stored = _whole(created)
        again = next(
            generator.sample(
                len(stored),
                seed=int(created.info["seed"]),
                condition=created.info.get("condition") or None,
                batch_size=DRAWN_AGAIN,
            )
        )
    except (BrainzooError, ImportError, KeyError, TypeError, ValueError, StopIteration) as error:
        return f"the created images cannot be drawn again: {' '.join(str(error).split())}"
    shown = sorted(set(real.subjects()) & learnt_from)
    if shown:
        raise DataError(
            f"the generator learnt from {len(shown)} of the {len(real.subjects())} people whose "
            "images are to be shown as real.",
            "Show those of the test split.",
        )
    number = min(DRAWN_AGAIN, len(stored), len(again))
    drawn = again[:number, : stored.channels]  # behind them there may be label maps
    difference = float(np.abs(stored.floats(np.arange(number)) - drawn).max())
    if difference > TOLERANCE:
        return (
            f"drawn again, the created images differ by up to {difference:.3f}: they were changed "
            "after the generator."
        )
    return ""


def _whole(images: Images) -> Images:
    return Images.open(images.folder) if images.folder else images


def _learnt_from(trained_on: dict[str, Any], images: Images) -> set[str]:
    """Return those subjects that a generator learnt from; none if images lack any of them."""
    found = checkpoints.learned_from(trained_on, images.subjects())
    return found if len(found) == len(trained_on["subjects_sha256"]) else set()
