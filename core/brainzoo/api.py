"""What a plugin may import from brainzoo; docs/plugins.md shows each name at work.

Beside these only :mod:`brainzoo.training`, for plugins that train. Nothing is imported before it is
used, so ``plugin.py`` and ``config.py`` stay instant.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brainzoo import checkpoint as checkpoint
    from brainzoo.checkpoint.names import SAMPLES as SAMPLES
    from brainzoo.checkpoint.verdict import Verdict as Verdict
    from brainzoo.cli.params import common_options as common_options
    from brainzoo.cli.params import config_options as config_options
    from brainzoo.cli.params import seed_option as seed_option
    from brainzoo.common import console as console
    from brainzoo.common import launch as launch
    from brainzoo.common.errors import AuthorisationError as AuthorisationError
    from brainzoo.common.errors import BrainzooError as BrainzooError
    from brainzoo.common.errors import DataError as DataError
    from brainzoo.common.errors import ExistsError as ExistsError
    from brainzoo.common.errors import IncompatiblePluginError as IncompatiblePluginError
    from brainzoo.common.errors import IntegrityError as IntegrityError
    from brainzoo.common.errors import NetworkError as NetworkError
    from brainzoo.common.errors import NotFoundError as NotFoundError
    from brainzoo.common.errors import OptionError as OptionError
    from brainzoo.common.files import disk_errors as disk_errors
    from brainzoo.common.files import expect_folder_place as expect_folder_place
    from brainzoo.common.files import new_folder as new_folder
    from brainzoo.common.files import write_bytes as write_bytes
    from brainzoo.common.files import write_text as write_text
    from brainzoo.common.home import home as home
    from brainzoo.common.version import __version__ as __version__
    from brainzoo.data import charts as charts
    from brainzoo.data.classes import public_expression as public_expression
    from brainzoo.data.conditions import Conditions as Conditions
    from brainzoo.data.conditions import draw_classes as draw_classes
    from brainzoo.data.images import Images as Images
    from brainzoo.data.pictures import grid as grid
    from brainzoo.data.pictures import png_bytes as png_bytes
    from brainzoo.data.pictures import tile as tile
    from brainzoo.data.pixels import from_floats as from_floats
    from brainzoo.data.pixels import to_floats as to_floats
    from brainzoo.data.subjects import Subject as Subject
    from brainzoo.data.subjects import Value as Value
    from brainzoo.data.tables import Row as Row
    from brainzoo.data.tables import read_table as read_table
    from brainzoo.data.tables import table_text as table_text
    from brainzoo.data.volumes import Volume as Volume
    from brainzoo.data.volumes import read_volume as read_volume
    from brainzoo.evaluating.features import Features as Features
    from brainzoo.evaluating.features import views as views
    from brainzoo.evaluating.intervals import bootstrap as bootstrap
    from brainzoo.evaluating.intervals import interval as interval
    from brainzoo.evaluating.intervals import subjects_of as subjects_of
    from brainzoo.evaluating.options import FeatureOptions as FeatureOptions
    from brainzoo.evaluating.results import read_evaluation as read_evaluation
    from brainzoo.evaluating.sets import open_images as open_images
    from brainzoo.plugin.capabilities import Edits as Edits
    from brainzoo.plugin.capabilities import Reconstruction as Reconstruction
    from brainzoo.plugin.capabilities import Reconstructs as Reconstructs
    from brainzoo.plugin.capabilities import Scores as Scores
    from brainzoo.plugin.findings import Evaluation as Evaluation
    from brainzoo.plugin.findings import EvaluationSets as EvaluationSets
    from brainzoo.plugin.findings import MetricValue as MetricValue
    from brainzoo.plugin.hookspecs import hookimpl as hookimpl
    from brainzoo.plugin.interfaces import Dataset as Dataset
    from brainzoo.plugin.interfaces import Evaluator as Evaluator
    from brainzoo.plugin.interfaces import Exporter as Exporter
    from brainzoo.plugin.interfaces import Generator as Generator
    from brainzoo.plugin.interfaces import Spec as Spec
    from brainzoo.plugin.manager import plugins as plugins
    from brainzoo.plugin.options import make_config as make_config
    from brainzoo.plugin.options import nearest as nearest
    from brainzoo.plugin.options import option as option
    from brainzoo.plugin.run import Run as Run
    from brainzoo.plugin.run import TrainConfig as TrainConfig
    from brainzoo.preparation.head import foreground as foreground
    from brainzoo.runs.pipeline import images_of_run as images_of_run
    from brainzoo.zoo.loading import find_checkpoint as find_checkpoint
    from brainzoo.zoo.loading import load as load
    from brainzoo.zoo.registry import shipped as shipped

_NAMES = {
    "brainzoo": ["checkpoint"],
    "brainzoo.checkpoint.names": ["SAMPLES"],
    "brainzoo.checkpoint.verdict": ["Verdict"],
    "brainzoo.cli.params": ["common_options", "config_options", "seed_option"],
    "brainzoo.common": ["console", "launch"],
    "brainzoo.common.errors": [
        "AuthorisationError",
        "BrainzooError",
        "DataError",
        "ExistsError",
        "IncompatiblePluginError",
        "IntegrityError",
        "NetworkError",
        "NotFoundError",
        "OptionError",
    ],
    "brainzoo.common.files": [
        "disk_errors",
        "expect_folder_place",
        "new_folder",
        "write_bytes",
        "write_text",
    ],
    "brainzoo.common.home": ["home"],
    "brainzoo.common.version": ["__version__"],
    "brainzoo.data": ["charts"],
    "brainzoo.data.classes": ["public_expression"],
    "brainzoo.data.conditions": ["Conditions", "draw_classes"],
    "brainzoo.data.images": ["Images"],
    "brainzoo.data.pictures": ["grid", "png_bytes", "tile"],
    "brainzoo.data.pixels": ["from_floats", "to_floats"],
    "brainzoo.data.subjects": ["Subject", "Value"],
    "brainzoo.data.tables": ["Row", "read_table", "table_text"],
    "brainzoo.data.volumes": ["Volume", "read_volume"],
    "brainzoo.evaluating.features": ["Features", "views"],
    "brainzoo.evaluating.intervals": ["bootstrap", "interval", "subjects_of"],
    "brainzoo.evaluating.options": ["FeatureOptions"],
    "brainzoo.evaluating.results": ["read_evaluation"],
    "brainzoo.evaluating.sets": ["open_images"],
    "brainzoo.plugin.findings": ["Evaluation", "EvaluationSets", "MetricValue"],
    "brainzoo.plugin.hookspecs": ["hookimpl"],
    "brainzoo.plugin.interfaces": ["Dataset", "Evaluator", "Exporter", "Generator", "Spec"],
    "brainzoo.plugin.manager": ["plugins"],
    "brainzoo.plugin.options": ["make_config", "nearest", "option"],
    "brainzoo.plugin.capabilities": ["Edits", "Reconstruction", "Reconstructs", "Scores"],
    "brainzoo.plugin.run": ["Run", "TrainConfig"],
    "brainzoo.preparation.head": ["foreground"],
    "brainzoo.runs.pipeline": ["images_of_run"],
    "brainzoo.zoo.loading": ["find_checkpoint", "load"],
    "brainzoo.zoo.registry": ["shipped"],
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'brainzoo.api' has no attribute {name!r}")
    module = importlib.import_module(_MODULES[name])
    return (
        getattr(module, name)
        if hasattr(module, name)
        else importlib.import_module(f"{module.__name__}.{name}")
    )


def __dir__() -> list[str]:
    return list(__all__)
