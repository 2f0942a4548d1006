"""Classes and covariates that condition a model: encoded and drawn from training images.

:class:`Conditions` holds the class and any covariates (age, sex, site, ...) together, so that
everything else is drawn jointly: an old class gets old ages.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.common.errors import DataError, IntegrityError, OptionError
from brainzoo.data.covariates import COVARIATES, Column, column_of, microaggregated
from brainzoo.data.images import Images
from brainzoo.data.subjects import Value
from brainzoo.data.tables import Row

BANDWIDTH = 0.25
"""How near a training row must be to a number asked for, in standard deviations (a Gaussian)."""


class Conditions:
    """The columns that a model is conditioned on, and how the training images fill them.

    Training sees numbers to two significant digits (ages in whole years). Samples are drawn from,
    and a published checkpoint holds, rows that stand for three people or more each
    (:func:`brainzoo.data.covariates.microaggregated`): several columns can single a person out.

    Args:
        columns: What conditions the model; the class first.
        rows: What samples are drawn from: a value a column, ``None`` where not known.
        counts: How many training images each row stands for.
    """

    def __init__(
        self, columns: Sequence[Column], rows: Sequence[Row], counts: Sequence[int]
    ) -> None:
        self.columns = tuple(columns)
        self.rows = [dict(row) for row in rows]
        self.counts = np.asarray(counts, np.int64)
        self._seen: set[tuple[str, Value]] = set()

    @classmethod
    def of(
        cls,
        images: Images,
        covariates: Sequence[str] = COVARIATES,
        *,
        begun: Conditions | None = None,
    ) -> Conditions:
        """Learn from training images which columns there are and how they are filled.

        The class comes first if the images have classes. A covariate that is the same everywhere
        is left out; so are age and sex where the table does not know them. One that is not a
        column, names people, or has too many different texts, is an OptionError.

        Training that goes on from a model has the columns of ``begun``, encoded as it knows them;
        what the images do not say of them is unknown. Other classes are a DataError.
        """
        columns = [Column("class", tuple(images.classes))] if images.classes else []
        if begun is not None:
            theirs = [c for c in begun.columns if c.name == "class"]
            if theirs != columns:
                own, other = (", ".join(c[0].levels if c else ["none"]) for c in (columns, theirs))
                raise DataError(
                    f"the classes are {own}; those of --start are {other}.",
                    "Choose them (--class) as that model has them: see brainzoo info.",
                )
            columns = list(begun.columns)
        else:
            found = [column_of(images, name) for name in dict.fromkeys(covariates)]
            columns += filter(None, found)
        unclassed = images.column("class").count(None) if images.classes else 0
        if unclassed:
            raise DataError(
                f"{unclassed} of {len(images)} images are in no class; leave them out of "
                "conditional training."
            )
        told = cls(columns, [{}], [1]).rows_of(images.table)
        people = [str(row.get("subject") or f"image {i}") for i, row in enumerate(images.table)]
        kept = microaggregated(columns, told, people)
        keys = [repr(list(row.values())) for row in kept]
        times, different = Counter(keys), dict(zip(keys, kept, strict=True))
        rows = [different[key] for key in sorted(different)]
        for i, column in enumerate(columns):  # whose least and greatest values are nobody's own
            values = [] if column.levels else [row[column.name] for row in rows]
            if known := [float(value) for value in values if value is not None]:
                known += [column.low, column.high] if begun is not None else []
                columns[i] = dataclasses.replace(column, low=min(known), high=max(known))
        return cls(columns, rows, [times[key] for key in sorted(different)])

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self.columns]

    @property
    def width(self) -> int:
        """Numbers that encode a row; 0 for an unconditional model."""
        return sum(column.width for column in self.columns)

    def rows_of(self, table: Sequence[Mapping[str, Value]]) -> list[Row]:
        """Return what is known of a table's images; a category that training never saw is not."""
        return [
            {
                c.name: v if (v := c.kept(row.get(c.name))) in c.levels or not c.levels else None
                for c in self.columns
            }
            for row in table
        ]

    def encode(self, rows: Sequence[Mapping[str, Value]]) -> NDArray[np.float32]:
        """Return rows as numbers ``(row, width)``.

        Categories are one-hot; a number is standardised and followed by 1; unknown is all zeros.
        """
        encoded = [[x for c in self.columns for x in c.encode(row.get(c.name))] for row in rows]
        return np.asarray(encoded, np.float32).reshape(len(rows), self.width)

    def draw(
        self,
        n: int,
        *,
        seed: int,
        condition: Mapping[str, Value] | None = None,
        start: int = 0,
    ) -> list[Row]:
        """Return the conditions of the samples ``start`` to ``start + n - 1`` of a seed.

        A row depends on the seed and its index only. What ``condition`` fixes (``{"class": "old",
        "age": 71}``) is the same in all; the rest is drawn together from the rows that match it:
        those of the same class and sex, and of an age near the one asked for.
        """
        fixed = self.check(condition)
        if len(fixed) == len(self.columns):
            return [dict(fixed) for _ in range(n)]
        edges = np.cumsum(self._weights(fixed))
        draws = [
            np.random.default_rng(np.random.SeedSequence([seed, index, 1])).random() * edges[-1]
            for index in range(start, start + n)
        ]
        chosen = np.minimum(np.searchsorted(edges, draws, side="right"), len(edges) - 1)
        return [{**self.rows[index], **fixed} for index in chosen]

    def check(self, condition: Mapping[str, Value] | None) -> Row:
        """Return a condition with its values as they are in the rows, or raise an OptionError.

        A number outside what training saw is warned of, and refused where it is farther outside
        than one standard deviation.
        """
        columns = {column.name: column for column in self.columns}
        checked: Row = {}
        for name, value in (condition or {}).items():
            if name not in columns:
                known = f"its conditions are {', '.join(columns)}"
                why = known if columns else "it was trained without classes and covariates"
                raise OptionError(f"this model takes no condition {name!r}: {why}.")
            checked[name] = columns[name].checked(value)
            if (name, checked[name]) not in self._seen:  # said once
                columns[name].expect_seen(checked[name])
                self._seen.add((name, checked[name]))
        return checked

    def describe(self) -> dict[str, Any]:
        """Return all of it as JSON holds it, for a checkpoint's ``config.json``."""
        return {
            "columns": [dataclasses.asdict(column) for column in self.columns],
            "rows": [[row[name] for name in self.names] for row in self.rows],
            "counts": self.counts.tolist(),
        }

    @classmethod
    def of_checkpoint(cls, config: Mapping[str, Any]) -> Conditions:
        """Return what :meth:`describe` put into a ``config.json``, or raise an IntegrityError."""
        try:
            stored = config["conditions"]
            columns = [Column(**{**c, "levels": tuple(c["levels"])}) for c in stored["columns"]]
            names = [column.name for column in columns]
            rows = [dict(zip(names, row, strict=True)) for row in stored["rows"]]
            conditions = cls(columns, rows, stored["counts"])
            encoded = conditions.encode(rows)
            sound = len(rows) == len(conditions.counts) and bool((conditions.counts > 0).all())
            if not sound or not rows or not np.isfinite(encoded).all():
                raise ValueError("rows and counts do not fit")
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise IntegrityError(
                f"the checkpoint's conditions are damaged: {type(error).__name__}: {error}."
            ) from None
        known = [level for c in conditions.columns if c.name == "class" for level in c.levels]
        wanted = list(config["images"]["classes"])
        if known != wanted:
            raise IntegrityError(
                f"the checkpoint is conditioned on classes {known}; those of its images are "
                f"{wanted}.",
                "Fetch it again.",
            )
        return conditions

    def _weights(self, fixed: Mapping[str, Value]) -> NDArray[np.float64]:
        """Return how likely each training row is, given what is fixed."""
        logs = np.log(self.counts.astype(np.float64))
        for column in self.columns:
            wanted = fixed.get(column.name)
            if wanted is None:
                continue
            own = [row[column.name] for row in self.rows]
            if column.levels:
                # Not impossible, only last: a class and a sex that never met still give a row.
                logs -= np.asarray([0.0 if value == wanted else 1e6 for value in own])
            else:
                numbers = np.asarray([column.mean if v is None else float(v) for v in own])
                distance = (numbers - float(wanted)) / (BANDWIDTH * column.std)
                logs -= 0.5 * np.minimum(distance**2, 1e5)
        return np.asarray(np.exp(logs - logs.max()), np.float64)
