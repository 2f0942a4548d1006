"""Libraries that brainzoo is compared with; each is optional: pip install -r requirements.txt."""

from __future__ import annotations

import importlib
import importlib.metadata
import warnings
from typing import Any

PEERS = {
    "denoising_diffusion_pytorch": "denoising-diffusion-pytorch",
    "monai": "monai",
    "pro_gan_pytorch": "pro-gan-pth",
    "pythae": "pythae",
    "torchio": "torchio",
    "torch_fidelity": "torch-fidelity",
}
"""Distribution by module."""


def there(module: str) -> bool:
    """Tell whether a peer can be imported."""
    try:
        importlib.metadata.version(PEERS[module])
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def peer(module: str) -> Any:
    """Import a module of a peer; its warnings are its own affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(module)


def versions() -> str:
    """Return the peers' names and versions, and how to get those that are missing."""
    found = [f"{name} {importlib.metadata.version(name)}" for m, name in PEERS.items() if there(m)]
    missing = [name for module, name in PEERS.items() if not there(module)]
    text = "Peers: " + (", ".join(found) or "none") + "."
    if missing:
        text += f" Missing: {', '.join(missing)} (`pip install --no-deps {' '.join(missing)}`)."
    return text
