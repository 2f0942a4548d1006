"""The one training loop that every generator calls, and what it is made of.

This package is the only part of the core that imports torch. A generator brings networks,
optimisers and losses (:class:`Phase`), most easily as a :class:`TorchGenerator`; :func:`fit` owns
everything else.
"""

from brainzoo.training.devices import Compute, compute
from brainzoo.training.diffaugment import diffaugment
from brainzoo.training.generator import TorchGenerator, untrained
from brainzoo.training.loop import fit
from brainzoo.training.model import CHUNK, TorchModel, in_chunks
from brainzoo.training.phase import Loss, Phase
from brainzoo.training.step import Draw, Step, latents, seeded
from brainzoo.training.weights import arrays_of, load_arrays

__all__ = [
    "CHUNK",
    "Compute",
    "Draw",
    "Loss",
    "Phase",
    "Step",
    "TorchGenerator",
    "TorchModel",
    "arrays_of",
    "compute",
    "diffaugment",
    "fit",
    "in_chunks",
    "latents",
    "load_arrays",
    "seeded",
    "untrained",
]
