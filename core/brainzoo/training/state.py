"""The state that resuming needs: one safetensors file, replaced atomically, no pickle.

A crash at any moment leaves the previous state or the new one. Everything random is a function of
the seed and the images seen (see :mod:`brainzoo.training.step`), so networks, averages,
optimisers and a few counters are all there is to keep.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from brainzoo.common.errors import IntegrityError

FILE = "state.safetensors"
Tensors = Mapping[str, torch.Tensor]
"""Parameters and buffers of a network by name, as its ``state_dict`` holds them."""


def pack_state(
    networks: Mapping[str, Tensors],
    optimizers: Mapping[str, torch.optim.Optimizer],
    counters: Mapping[str, Any],
) -> bytes:
    """Return the state of a training as the content of its file."""
    tensors = {
        f"network/{name}/{key}": value
        for name, network in networks.items()
        for key, value in network.items()
    }
    plain: dict[str, Any] = {}
    for name, optimizer in optimizers.items():
        held = optimizer.state_dict()
        plain[name] = held["param_groups"]
        for index, state in held["state"].items():
            for key, value in state.items():
                tensors[f"optimizer/{name}/{index}/{key}"] = torch.as_tensor(value)
    return save(
        {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()},
        metadata={"counters": json.dumps(dict(counters)), "optimizers": json.dumps(plain)},
    )


def unpack_state(
    content: bytes,
    networks: Mapping[str, Tensors],
    optimizers: Mapping[str, torch.optim.Optimizer],
    path: Path,
) -> dict[str, Any]:
    """Restore what :func:`pack_state` returned, in place, and return the counters.

    Content (of ``path``, say errors) that is corrupt or of other networks is an IntegrityError.
    """
    try:
        tensors = load(content)
        # The library has checked the header: eight bytes of length, then JSON.
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        counters = json.loads(header["__metadata__"]["counters"])
        groups = json.loads(header["__metadata__"]["optimizers"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise IntegrityError(
            f"{path} is corrupt and cannot be resumed: {error}.", "Start a new run."
        ) from error
    for name, network in networks.items():
        _fill(network, _below(tensors, f"network/{name}/"), path)
    for name, optimizer in optimizers.items():
        if name not in groups:
            raise IntegrityError(f"{path} holds no optimiser {name!r}; it is of another model.")
        _fill_optimizer(optimizer, groups[name], _below(tensors, f"optimizer/{name}/"))
    return dict(counters)


def _below(tensors: Tensors, prefix: str) -> dict[str, torch.Tensor]:
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}


def _fill(own: Tensors, tensors: Tensors, path: Path) -> None:
    same = own.keys() == tensors.keys() and all(own[n].shape == tensors[n].shape for n in own)
    if not same:
        raise IntegrityError(
            f"{path} is of another model or size than this run's.",
            "Resume with the run's own run.yaml, or start a new run.",
        )
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(tensors[name])


def _fill_optimizer(
    optimizer: torch.optim.Optimizer,
    groups: list[dict[str, Any]],
    tensors: Tensors,
) -> None:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split("/")
        like = parameters[int(index)]
        if value.shape == like.shape:
            # Fused optimisers walk parameter and moments in memory order: keep the same layout.
            value = torch.empty_like(like, dtype=value.dtype).copy_(value)
        state.setdefault(int(index), {})[key] = value
    own = optimizer.state_dict()["param_groups"]
    restored = [{**mine, **saved} for mine, saved in zip(own, groups, strict=True)]
    for group in restored:
        if isinstance(group.get("betas"), list):
            group["betas"] = tuple(group["betas"])
    optimizer.load_state_dict({"state": state, "param_groups": restored})
