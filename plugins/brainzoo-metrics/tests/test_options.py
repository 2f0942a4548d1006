from pathlib import Path

import pytest

from brainzoo.common.errors import OptionError
from brainzoo.plugin.options import options_of
from brainzoo_metrics.options import EXTRACTORS, LAYERS, FeatureOptions


def test_every_extractor_has_its_last_layer():
    for name in EXTRACTORS:
        options = FeatureOptions(extractor=name)
        assert options.chosen_layer in LAYERS[options.network]


def test_a_layer_of_another_network_is_refused():
    with pytest.raises(OptionError, match="resnet50 has layer1") as caught:
        FeatureOptions(extractor="resnet50", layer="fc7")
    assert "layer4" in str(caught.value)


def test_a_misspelt_layer_finds_its_like():
    with pytest.raises(OptionError, match="Did you mean 'conv5'"):
        FeatureOptions(layer="conv55")


def test_random_weights_and_a_file_exclude_each_other():
    with pytest.raises(OptionError, match="random weights"):
        FeatureOptions(extractor="random-vgg16", features_weights=Path("x.pth"))


def test_choices_are_those_of_the_command_line():
    by_name = {item.name: item for item in options_of(FeatureOptions)}
    assert by_name["extractor"].choices == EXTRACTORS
    assert by_name["pooling"].choices == ("mean", "mean+max")
