"""A network as one file that other programs run: ONNX, or what ``torch.export`` writes."""

from __future__ import annotations

import importlib
import io
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from brainzoo.common.errors import NotFoundError, OptionError
from brainzoo.common.files import write_bytes
from brainzoo.training.step import Draw

if TYPE_CHECKING:
    from brainzoo.training.model import TorchModel

Compute = Callable[..., torch.Tensor]


class Traced(Draw):
    """Notes the numbers that it draws, or returns ``given`` ones in the order of the asking."""

    def __init__(self, conditions: torch.Tensor, given: Sequence[torch.Tensor] = ()) -> None:
        super().__init__(0, 0, () if given else [{}] * len(conditions), conditions)
        self.numbers: list[torch.Tensor] = []
        self._given = list(given)

    def _numbers(self, shape: tuple[int, ...], distribution: str) -> torch.Tensor:
        drawn = self._given.pop(0) if self._given else super()._numbers(shape, distribution)
        self.numbers.append(drawn)
        return drawn


def drawn(generator: TorchModel, network: nn.Module) -> tuple[Compute, dict[str, torch.Tensor]]:
    """Return what :meth:`TorchModel.draw` computes as a function, and two of each input."""
    conditions = torch.zeros(2, generator.known.width, device=next(network.parameters()).device)
    noted = Traced(conditions)
    generator.draw(network, noted)

    def images(*inputs: torch.Tensor) -> torch.Tensor:
        return generator.grey(generator.draw(network, Traced(inputs[-1], inputs[:-1])).float())

    inputs = {f"noise_{i}" if i else "noise": numbers for i, numbers in enumerate(noted.numbers)}
    return images, {**inputs, "conditions": conditions}


class Function(nn.Module):
    """A function of tensors as a module; ``network`` holds the weights that it uses."""

    def __init__(self, network: nn.Module, compute: Compute) -> None:
        super().__init__()
        self.network, self.compute = network, compute

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Return what the function makes of tensors, batch first."""
        return self.compute(*inputs)


@torch.no_grad()
def write_network(
    path: Path,
    network: nn.Module,
    compute: Compute,
    inputs: Mapping[str, torch.Tensor],
    about: Mapping[str, Any],
) -> None:
    """Write a function of a network's as ``.onnx`` or ``.pt2``; the batch may have any size.

    ``compute`` uses the weights of ``network``, takes the ``inputs`` in their order, of which there
    is an example of two images or more, and returns one tensor, batch first. ``about`` is kept in
    an ONNX file's metadata as JSON, under ``brainzoo``.
    """
    if path.suffix not in (".onnx", ".pt2"):
        raise OptionError(f"found the file name {path.name}; expected NAME.onnx or NAME.pt2.")
    compute(*inputs.values())  # what it computes once and keeps must be numbers, not their traces
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about itself
        program = torch.export.export(
            Function(network, compute).eval(),
            tuple(tensor.clone() for tensor in inputs.values()),
            dynamic_shapes=(tuple({0: batch} for _ in inputs),),
        )
        if path.suffix == ".pt2":
            file = io.BytesIO()
            torch.export.save(program, file)
            write_bytes(path, file.getvalue())
            return
        try:
            importlib.import_module("onnxscript")  # torch says less clearly that it is missing
            names = list(inputs)
            made = torch.onnx.export(
                program, input_names=names, output_names=["output"], verbose=False
            )
        except ImportError as error:
            raise NotFoundError(
                "ONNX files need onnx and onnxscript.",
                "Install them with: pip install onnx onnxscript",
            ) from error
    assert made is not None
    made.model.metadata_props["brainzoo"] = json.dumps(about)
    write_bytes(path, made.model_proto.SerializeToString())
