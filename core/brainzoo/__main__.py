"""``python -m brainzoo``, for launchers such as ``torchrun -m`` and ``accelerate launch -m``."""

from brainzoo.cli import main

main()
