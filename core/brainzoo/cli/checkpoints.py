"""``brainzoo pull``, ``verify``, ``round``, ``bundle`` and ``unbundle``: checkpoints that move."""

from __future__ import annotations

from pathlib import Path

import click

from brainzoo.cli.params import common_options, licence_option, out_option, token_option
from brainzoo.common import console
from brainzoo.common.errors import IntegrityError


@click.command()
@click.argument("address", metavar="NAME[@VERSION]|hf:OWNER/REPO@COMMIT|GENERATOR:FOLDER")
@token_option
@click.option("--offline", is_flag=True, default=None, help="Use no network.")
@licence_option
@common_options
def pull(address: str, token: str | None, offline: bool | None, accept_licence: bool) -> None:
    """Fetch a checkpoint, verified: size and SHA-256 of every file. Prints its folder.

    What is here already is not fetched again; after a stop the same command fetches the files that
    are missing. HF_ENDPOINT names a mirror.

    \b
    brainzoo pull pggan-ixi-64
    brainzoo pull hf:owner/repo@0123456789abcdef0123456789abcdef01234567
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo.common.files import sha256
    from brainzoo.zoo.pull import pull as fetch

    folder = fetch(address, offline=offline, token=token, accept_licence=accept_licence)
    weights = sha256(folder / "model.safetensors")
    console.answer({"folder": str(folder), "weights_sha256": weights}, str(folder))


@click.command()
@click.argument("checkpoint", metavar="NAME|CHECKPOINT|RUN")
@common_options
def verify(checkpoint: str) -> None:
    """Check the weights of a checkpoint and sample its stored seed.

    A NAME is one of brainzoo list, or NAME@1.0.0, or hf:OWNER/REPOSITORY@COMMIT; its checkpoint is
    fetched if it is not here yet. Other hardware sums in another order, so samples may differ by
    two of 255 grey levels.
    """
    from brainzoo import checkpoint as checkpoints
    from brainzoo.zoo.loading import find_checkpoint

    found = checkpoints.verify(find_checkpoint(checkpoint))
    levels = round(found.largest_difference * 255)
    if not found.passed:
        raise IntegrityError(
            f"{checkpoint} makes other samples than when it was written: they differ by up to "
            f"{levels} of 255 grey levels; expected at most {round(found.tolerance * 255)}.",
            "Do not use it; fetch it again.",
        )
    same = "to the bit" if found.exact else f"to {levels} of 255 grey levels"
    console.answer(
        {"exact": found.exact, "largest_difference": found.largest_difference},
        f"verified: the samples are those of the checkpoint's maker, {same}.",
    )


@click.command(name="round")
@click.argument("checkpoint", type=click.Path(path_type=Path), metavar="CHECKPOINT|RUN")
@out_option("The new checkpoint.", required=True, metavar="FOLDER")
@common_options
def rounding(checkpoint: Path, out: Path) -> None:
    """Write a checkpoint anew with float16 weights: half the size to publish.

    Samples of both are compared. If none changed by more than half a grey level on average, what
    was measured and the privacy verdict come along. Else the rounded weights make other images:
    sample and evaluate them anew.

    \b
    brainzoo round runs/vae-ixi-001 --out vae-float16
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo.zoo.loading import find_checkpoint
    from brainzoo.zoo.rounding import SAME, round_weights

    moved = round_weights(find_checkpoint(checkpoint), out)
    then = "what was measured holds." if moved <= SAME else "sample and evaluate it anew."
    console.note(
        f"the sample that changed most changed by {255 * moved:.3g} of 255 grey levels on average; "
        + then
    )
    console.answer({"checkpoint": str(out), "same": moved <= SAME, "moved": moved}, str(out))


@click.command()
@click.argument("address", metavar="NAME|hf:OWNER/REPO@COMMIT|CHECKPOINT|RUN")
@out_option("The new bundle.", required=True, metavar="FILE.zip")
@token_option
@common_options
def bundle(address: str, out: Path, token: str | None) -> None:
    """Write a checkpoint as one file, for a machine without internet.

    \b
    brainzoo bundle pggan-ixi-64 --out pggan.zip
    pip download brainzoo-pggan -d wheels       what runs it (PIP_PLATFORM: for another machine)
    pip install --no-index --find-links wheels brainzoo-pggan              on the other machine
    brainzoo unbundle pggan.zip
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo.common.files import sha256
    from brainzoo.zoo import bundle as bundles

    bundles.bundle(address, out, token=token)
    digest = sha256(out)
    console.note(f"Send its SHA-256 to the recipient separately: {digest}")
    console.answer({"bundle": str(out), "sha256": digest}, str(out))


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path), metavar="FILE.zip")
@click.option("--sha256", "digest", metavar="HEX", help="The SHA-256 that the file must have.")
@common_options
def unbundle(bundle: Path, digest: str | None) -> None:
    """Check a bundle and keep its checkpoint here.

    Damage is noticed, but not who made the bundle: give the --sha256 that its maker told you.
    """
    from brainzoo.zoo.bundle import unbundle as unpack

    folder = unpack(bundle, digest=digest)
    console.answer({"checkpoint": str(folder)}, str(folder))
