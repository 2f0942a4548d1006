"""The one training loop that every generator calls, and what it is made of.

This package is the only part of the core that imports torch. A generator brings networks,
optimisers and losses (:class:`Phase`), most easily as a :class:`TorchGenerator`; :func:`fit` owns
everything else.
"""

from brainzoo.training.devices import Compute as Compute
from brainzoo.training.devices import compute as compute
from brainzoo.training.diffaugment import diffaugment as diffaugment
from brainzoo.training.generator import TorchGenerator as TorchGenerator
from brainzoo.training.generator import untrained as untrained
from brainzoo.training.loop import fit as fit
from brainzoo.training.model import CHUNK as CHUNK
from brainzoo.training.model import TorchModel as TorchModel
from brainzoo.training.model import in_chunks as in_chunks
from brainzoo.training.phase import Loss as Loss
from brainzoo.training.phase import Phase as Phase
from brainzoo.training.step import Draw as Draw
from brainzoo.training.step import Step as Step
from brainzoo.training.step import latents as latents
from brainzoo.training.step import seeded as seeded
from brainzoo.training.weights import arrays_of as arrays_of
from brainzoo.training.weights import load_arrays as load_arrays
