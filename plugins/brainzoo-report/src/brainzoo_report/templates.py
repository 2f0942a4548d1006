"""Fills the report's templates, which lie in ``page/``; all of it is escaped but ``Markup``."""

from __future__ import annotations

import functools
from typing import Any

import jinja2
from markupsafe import Markup

from brainzoo_report import facts


def filled(template: str, **values: Any) -> Markup:
    """Return a template with values in it."""
    return Markup(_templates().get_template(template).render(**values))


@functools.cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("brainzoo_report", "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for text in (facts.duration, facts.counted, facts.measured):
        environment.filters[text.__name__] = text
    return environment
