"""Inception-v3 as FID has it (Heusel et al. 2017): torch-fidelity's copy of the original network.

Its 2,048 pooled features differ from torchvision's Inception, and only with them is a Fréchet
distance called FID. Images enter as in the original: 8 bits, three equal colours, 299 × 299 by
TensorFlow 1's bilinear rule.
"""

# ruff: noqa: TID253 (imported by brainzoo.evaluating.extractors only when it is asked for)

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import nn

from brainzoo.common.errors import IncompatiblePluginError
from brainzoo.evaluating.feature_weights import import_torchvision, read_state, wrong_weights

POOLED = "2048"


class Inception(nn.Module):
    """Grey images to the 2,048 features of FID's Inception.

    Args:
        weights: File of torch-fidelity's state dict: safetensors, or of ``torch.save``.

    Raises:
        IncompatiblePluginError: torch-fidelity is not installed.
        IntegrityError: The file holds something else.
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()
        import_torchvision()  # torch-fidelity imports it, and cannot beside a torch without CUDA
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ImportError as error:
            raise IncompatiblePluginError(
                f"the extractor inception needs torch-fidelity, which cannot be imported: {error}.",
                "Install it with: pip install torch-fidelity",
            ) from error
        with tempfile.TemporaryDirectory() as folder:
            # torch-fidelity unpickles what it is given: it gets a copy of the tensors only.
            copy = Path(folder) / "inception.pth"
            torch.save(read_state(weights), copy)
            try:
                self.network = FeatureExtractorInceptionV3("inception", [POOLED], str(copy))
            except RuntimeError as error:
                raise wrong_weights(weights, "torch-fidelity's Inception", error) from error

    def forward(self, grey: torch.Tensor) -> torch.Tensor:
        """Return ``(batch, 2048)`` for images ``(batch, 1, height, width)`` in [0, 1]."""
        colours = (grey * 255).round().clamp(0, 255).to(torch.uint8).expand(-1, 3, -1, -1)
        features: torch.Tensor = self.network(colours.contiguous())[0]
        return features
