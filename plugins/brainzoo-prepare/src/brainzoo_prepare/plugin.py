"""Registers the steps ``deepbet``, ``n4``, ``channels``, ``rigid`` and ``affine``."""

from __future__ import annotations

from dataclasses import dataclass

from brainzoo.api import Spec, hookimpl


@dataclass(frozen=True)
class NoOptions:
    """The steps have none."""


@hookimpl
def brainzoo_steps() -> list[Spec]:
    """Return the steps."""
    offers = {
        "deepbet": (
            "masks:Deepbet",
            "Brain masks by a network (deepbet), from the T1 where there is one.",
        ),
        "n4": ("bias:N4", "Even out slow changes of brightness (N4)."),
        "channels": ("align:Channels", "Move the channels of a scan onto each other, rigidly."),
        "rigid": ("align:Rigid", "Turn and shift heads onto the MNI152 template; channels first."),
        "affine": ("align:Affine", "Also scale and shear them onto it."),
    }
    return [
        Spec(name, f"brainzoo_prepare.{target}", NoOptions, summary)
        for name, (target, summary) in offers.items()
    ]
