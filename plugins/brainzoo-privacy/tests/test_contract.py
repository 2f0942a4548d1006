from typing import ClassVar

from brainzoo.testing import EvaluatorContract


class TestPrivacy(EvaluatorContract):
    name = "privacy"
    options: ClassVar = {"rounds": 20}


class TestPrivacyOfVolumes(EvaluatorContract):
    name = "privacy"
    shape = (16, 16, 16)
    options: ClassVar = {"rounds": 20}
