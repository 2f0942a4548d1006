from typing import ClassVar

from brainzoo.testing import EvaluatorContract


class TestPrivacy(EvaluatorContract):
    name = "privacy"
    options: ClassVar = {"rounds": 20}
