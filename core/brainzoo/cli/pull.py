"""``brainzoo pull``: a checkpoint from the zoo or the Hub, verified."""

from __future__ import annotations

import click

from brainzoo.cli.params import common_options
from brainzoo.common import console


@click.command()
@click.argument("address", metavar="NAME[@VERSION]|hf:OWNER/REPO@COMMIT")
@click.option(
    "--token",
    metavar="TOKEN",
    help="For private and gated repositories. [default: HF_TOKEN, for huggingface.co only]",
)
@click.option("--offline", is_flag=True, default=None, help="Use no network.")
@common_options
def pull(address: str, token: str | None, offline: bool | None, as_json: bool, debug: bool) -> None:
    """Fetch a checkpoint, verified.

    Compares size and SHA-256 of every file, and prints the folder.

    What is here already is not fetched again; after a stop the same command fetches the files that
    are missing. HF_ENDPOINT names a mirror.

    \b
    brainzoo pull pggan-ixi-64
    brainzoo pull hf:owner/repo@0123456789abcdef0123456789abcdef01234567
    """  # noqa: D301 - click's mark for lines that stay as they are
    from brainzoo.common.files import sha256
    from brainzoo.zoo.pull import pull as fetch

    folder = fetch(address, offline=offline, token=token)
    if as_json:
        weights = sha256(folder / "model.safetensors")
        console.result_json({"folder": str(folder), "weights_sha256": weights})
        return
    console.result(str(folder))
