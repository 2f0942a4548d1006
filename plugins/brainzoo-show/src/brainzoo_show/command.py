"""``brainzoo show``: a page to look at models and images, or the same page as a file to send."""

from __future__ import annotations

from pathlib import Path

import click

from brainzoo.api import OptionError, command_options, console


@command_options()
@click.command(short_help="Look at a model, a run or images in the browser.")
@click.argument("addresses", nargs=-1, required=True, metavar="NAME|RUN|IMAGES [OTHER]")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="[default: any free one]")
@click.option("--no-browser", is_flag=True, help="Print the address only.")
@click.option("--no-real", is_flag=True, help="Of a run, leave out the images it learned from.")
@click.option(
    "--export",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.html",
    help="Write the page as one file to send: samples drawn beforehand, sliders still move.",
)
@click.option(
    "--images",
    type=click.IntRange(1, 100),
    help="With --export: images of each setting. [default: 12; 6 volumes]",
)
@click.option("--with-real", is_flag=True, help="With --export: real people's images, too.")
@click.option("--seed", type=click.IntRange(0, 2**53), default=0, help="[default: 0]")
def show(
    addresses: tuple[str, ...],
    port: int,
    no_browser: bool,
    no_real: bool,
    export: Path | None,
    images: int | None,
    with_real: bool,
    seed: int,
) -> None:
    """Look at a model, a run or images: samples are drawn while you move the sliders.

    A run stands beside the images it learned from; two addresses stand side by side. Only this
    machine can open the page, until Ctrl-C.

    \b
    brainzoo show flow-ixi-128
    brainzoo show flow-ixi-128 runs/vae-ixi-001
    brainzoo show runs/pggan-ixi-001 --export look.html
    """  # noqa: D301 - click's mark for lines that stay as they are
    if len(addresses) > 2:
        raise OptionError(f"found {len(addresses)} addresses; expected one, or two to compare.")
    if export is None and (with_real or images):
        raise OptionError("--with-real and --images go with --export.")
    from brainzoo_show.opening import open_panes

    panes = open_panes(addresses, real=with_real if export else not no_real)
    if export is not None:
        from brainzoo_show.frozen import freeze

        size = freeze(panes, export, seed=seed, images=images, with_real=with_real)
        console.note(f"{export}: {size / 1e6:.1f} MB, readable without any network")
        console.answer({"page": str(export), "bytes": size}, str(export))
        return
    from brainzoo_show.server import serve

    serve(panes, port=port, browser=not no_browser, seed=seed)
