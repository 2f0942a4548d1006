"""What every generator must do, asked of the flow in 2-D and 3-D."""

from typing import ClassVar

from brainzoo.testing import GeneratorContract


class TestFlow(GeneratorContract):
    name = "flow"
    options: ClassVar = {"widths": (8, 16), "embedding": 16, "blocks": 1, "steps": 2}
    shapes = ((32, 32), (16, 16, 16))


class TestVelocityOfPixels(GeneratorContract):
    name = "flow"
    options: ClassVar = {
        "widths": (8, 16),
        "embedding": 16,
        "blocks": 1,
        "steps": 2,
        "space": "pixels",
        "prediction": "velocity",
        "solver": "euler",
        "guidance": 2.0,
    }
    shapes = ((16, 16),)
