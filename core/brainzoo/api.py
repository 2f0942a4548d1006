"""What a plugin may import from brainzoo; docs/plugins.md shows each name at work.

Beside these only :mod:`brainzoo.training`, for plugins that train. Nothing is imported before it is
used, so ``plugin.py`` and ``config.py`` stay instant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainzoo.common.lazy import lazily

if TYPE_CHECKING:
    from brainzoo import checkpoint as checkpoint
    from brainzoo.cli.params import command_options as command_options
    from brainzoo.common import console as console
    from brainzoo.common import processes as processes
    from brainzoo.common.downloads import download as download
    from brainzoo.common.errors import BrainzooError as BrainzooError
    from brainzoo.common.errors import DataError as DataError
    from brainzoo.common.errors import ExistsError as ExistsError
    from brainzoo.common.errors import IntegrityError as IntegrityError
    from brainzoo.common.errors import NetworkError as NetworkError
    from brainzoo.common.errors import NotFoundError as NotFoundError
    from brainzoo.common.errors import OptionError as OptionError
    from brainzoo.common.files import new_folder as new_folder
    from brainzoo.common.files import write_bytes as write_bytes
    from brainzoo.common.home import home as home
    from brainzoo.data.images import Images as Images
    from brainzoo.data.packing import seen_by as seen_by
    from brainzoo.data.pictures import grid as grid
    from brainzoo.data.subjects import Subject as Subject
    from brainzoo.data.subjects import Value as Value
    from brainzoo.data.tables import table_text as table_text
    from brainzoo.data.volumes import Volume as Volume
    from brainzoo.plugin.capabilities import Reconstruction as Reconstruction
    from brainzoo.plugin.capabilities import Reconstructs as Reconstructs
    from brainzoo.plugin.findings import Evaluation as Evaluation
    from brainzoo.plugin.findings import EvaluationSets as EvaluationSets
    from brainzoo.plugin.findings import MetricValue as MetricValue
    from brainzoo.plugin.hookspecs import hookimpl as hookimpl
    from brainzoo.plugin.interfaces import Dataset as Dataset
    from brainzoo.plugin.interfaces import Evaluator as Evaluator
    from brainzoo.plugin.interfaces import Exporter as Exporter
    from brainzoo.plugin.interfaces import Generator as Generator
    from brainzoo.plugin.interfaces import Spec as Spec
    from brainzoo.plugin.intervals import bootstrap as bootstrap
    from brainzoo.plugin.intervals import interval as interval
    from brainzoo.plugin.intervals import subjects_of as subjects_of
    from brainzoo.plugin.options import option as option
    from brainzoo.plugin.part import dataset as dataset
    from brainzoo.plugin.run import Run as Run
    from brainzoo.runs.pipeline import open_images as open_images
    from brainzoo.zoo.loading import load as load
    from brainzoo.zoo.registry import shipped as shipped

    __all__: list[str]
else:
    __getattr__, __all__ = lazily(__name__)
