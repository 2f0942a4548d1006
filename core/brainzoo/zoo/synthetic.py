"""New images of a checkpoint as a torch ``Dataset``, drawn once and kept in the cache."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainzoo.checkpoint import read_config
from brainzoo.common.errors import IntegrityError, NotFoundError
from brainzoo.common.files import disk_errors
from brainzoo.common.home import home
from brainzoo.common.locks import locked
from brainzoo.data.images import Images
from brainzoo.data.subjects import Value
from brainzoo.plugin.manager import plugins
from brainzoo.sampling import Request, draw
from brainzoo.training.torch_dataset import Target, TorchImages, Transform, as_torch
from brainzoo.zoo.loading import find_checkpoint


def synthetic(
    address: str | Path,
    n: int,
    *,
    seed: int = 0,
    condition: Mapping[str, Value] | None = None,
    target: Target = "class",
    transform: Transform | None = None,
    batch_size: int | None = None,
    workers: int | None = None,
    **sampling: Any,
) -> TorchImages:
    """Return new images of a checkpoint as a ``torch.utils.data.Dataset``.

    They are drawn at the first call, by several processes where that is worth it, and kept under
    ``$BRAINZOO_HOME/synthetic``, where the same call finds them later. Index ``i`` is the same
    image however many there are. ``address`` and ``sampling`` are as for
    :func:`brainzoo.load`, ``target`` (also of covariates that the generator knows) and
    ``transform`` as for :func:`as_torch`; ``condition`` is ``{"class": "old"}``, for example, or
    ``None`` for conditions as in training; ``batch_size`` and ``workers`` change no image.

    Raises:
        NotFoundError: No such checkpoint.
        OptionError: ``n`` is less than 1, or the generator does not know the condition or option.
        DiskError: The disk is full; the next call goes on.
    """
    checkpoint = find_checkpoint(address)
    config = read_config(checkpoint)
    installed = plugins().of("generator", str(config["plugin"]["name"]))
    decides = [config, installed.version, n, seed, dict(condition or {}), sampling]
    key = hashlib.sha256(json.dumps(decides, sort_keys=True, default=str).encode()).hexdigest()
    folder = home() / "synthetic" / f"{installed.name}-{key[:16]}"
    with disk_errors(folder), locked(folder):
        try:
            images = Images.open(folder)
        except (IntegrityError, NotFoundError):  # damaged, or not there yet
            shutil.rmtree(folder, ignore_errors=True)
            request = Request(checkpoint, n, seed, condition or {}, sampling, batch_size=batch_size)
            draw(request, folder, workers=workers, replace=True)
            images = Images.open(folder)
    return as_torch(images, target=target, transform=transform)
