"""``brainzoo unbundle``: what ``brainzoo bundle`` wrote, checked and kept here."""

from __future__ import annotations

from pathlib import Path

import click

from brainzoo.cli.params import common_options
from brainzoo.common import console


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path), metavar="FILE.tar")
@click.option("--install", is_flag=True, help="Install its wheels into this Python, without index.")
@click.option("--sha256", "digest", metavar="HEX", help="What the file's SHA-256 must be.")
@common_options
def unbundle(bundle: Path, install: bool, digest: str | None, as_json: bool, debug: bool) -> None:
    """Check a bundle and keep its checkpoint here.

    Every byte is compared with the bundle's own hashes; these show damage, not who made it: compare
    --sha256 for that before you use --install, which lets code of the bundle run.
    """
    from brainzoo.zoo.bundle import unbundle as unpack

    folder = unpack(bundle, install=install, digest=digest)
    if as_json:
        console.result_json({"checkpoint": str(folder), "installed": install})
        return
    console.result(str(folder))
