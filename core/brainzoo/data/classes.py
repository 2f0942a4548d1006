"""Classes by expressions over a table's columns: ``young="age < 35"``.

An expression is parsed by Python's own parser and walked by this module: comparisons (also
chained), ``and``, ``or``, ``not``, ``in``, parentheses, column names, numbers and quoted text;
nothing can be called. A column whose name is not a plain word stands in braces or backticks, as in
``{ICD-10} == 'F32.0'``. A missing value is unknown: neither an expression nor its ``not`` matches
it.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from brainzoo.common.errors import DataError, OptionError
from brainzoo.data.subjects import Value
from brainzoo.plugin.options import nearest

Rows = Sequence[Mapping[str, Value]]

LONGEST = 1000
"""Characters of an expression; far more than anybody types."""

QUOTED = re.compile(
    r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?P<ticks>[^`]+)`|\{(?P<braces>[^\W\d][^{}'",]*)\}"""
)
"""Text, and columns in backticks or braces."""

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda value, group: value in group,
    ast.NotIn: lambda value, group: value not in group,
}


class Expression:
    """A parsed class expression.

    Args:
        text: For example ``"age < 35 and sex == 'F'"``.

    Raises:
        OptionError: It is not an expression of the kinds above.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > LONGEST:
            raise OptionError(f"a class expression has {len(text)} characters; at most {LONGEST}.")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the parser, about odd numbers and escapes
                self._names: dict[str, str] = {}
                self._plain = QUOTED.sub(self._column, text.strip())
                self._tree = ast.parse(self._plain, mode="eval").body
            self._check(self._tree)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            if isinstance(error, OptionError):
                raise
            raise OptionError(
                f"{text!r} is not a class expression.",
                "Write something like: age < 35, or sex == 'F' and 20 <= age < 40",
            ) from error

    @property
    def columns(self) -> list[str]:
        """The names of columns that it uses, sorted."""
        names = {n.id for n in ast.walk(self._tree) if isinstance(n, ast.Name)}
        return sorted(self._names.get(name, name) for name in names)

    def _column(self, match: re.Match[str]) -> str:
        """Return a plain word for a column in backticks or braces; text as it is."""
        name = match["ticks"] or match["braces"]
        if name is None:
            return match[0]
        word = f"column_{len(self._names)}_"
        self._names[word] = name.strip()
        return word

    def matches(self, row: Mapping[str, Value]) -> bool:
        """Return whether a row matches; a row in which that is unknown does not.

        Raises:
            OptionError: It compares text with a number.
        """
        return self._value(self._tree, row) is True

    def _check(self, node: ast.expr) -> None:
        """Refuse every construct that :meth:`_value` does not know; true or false at the top."""
        if isinstance(node, ast.BoolOp):
            for part in node.values:
                self._check(part)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self._check(node.operand)
        elif isinstance(node, ast.Compare):
            self._check_operand(node.left)
            for op, right in zip(node.ops, node.comparators, strict=True):
                if type(op) not in _COMPARE:
                    raise self._error(node)
                if not isinstance(op, ast.In | ast.NotIn):
                    self._check_operand(right)
                    continue
                if not isinstance(right, ast.Tuple | ast.List | ast.Set) or not right.elts:
                    raise OptionError(
                        f"{self.text!r}: 'in' needs a list after it.",
                        "For example: site in ['HH', 'Guys']",
                    )
                for element in right.elts:
                    self._check_operand(element)
        else:
            raise self._error(node)

    def _check_operand(self, node: ast.expr) -> None:
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = node.operand
            if isinstance(inner, ast.Constant) and type(inner.value) in (int, float):
                return
        if isinstance(node, ast.Name):
            return
        if isinstance(node, ast.Constant) and type(node.value) in (int, float, str):
            return
        raise self._error(node)

    def _error(self, node: ast.expr) -> OptionError:
        part = ast.get_source_segment(self._plain, node) or self.text
        hint = "Use comparisons of columns, joined by and, or, not: age < 35 and sex == 'F'"
        if isinstance(node, ast.BinOp):
            hint = f"If it is the name of a column, write {{{part}}}."
        return OptionError(
            f"class expression {self.text!r}: {part!r} is not allowed here.",
            hint,
        )

    def _value(self, node: ast.expr, row: Mapping[str, Value]) -> Any:
        """Evaluate a node; ``None`` is unknown (Kleene's three-valued logic)."""
        if isinstance(node, ast.Name):
            return row.get(self._names.get(node.id, node.id))
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.UnaryOp):
            value = self._value(node.operand, row)
            if isinstance(node.op, ast.Not):
                return None if value is None else not value
            return -value
        if isinstance(node, ast.BoolOp):
            values = [self._value(part, row) for part in node.values]
            decisive = isinstance(node.op, ast.Or)
            if decisive in values:
                return decisive
            return None if None in values else not decisive
        if isinstance(node, ast.Compare):
            return self._compare(node, row)
        return [self._value(element, row) for element in getattr(node, "elts", [])]

    def _compare(self, node: ast.Compare, row: Mapping[str, Value]) -> bool | None:
        result: bool | None = True
        left = self._value(node.left, row)
        for op, comparator in zip(node.ops, node.comparators, strict=True):
            right = self._value(comparator, row)
            one = self._one(op, left, right, node)
            if one is False:
                return False
            result = None if one is None else result
            left = right
        return result

    def _one(self, op: ast.cmpop, left: Any, right: Any, node: ast.Compare) -> bool | None:
        group = right if isinstance(right, list) else [right]
        if left is None or None in group:
            return None
        if any(isinstance(left, str) != isinstance(value, str) for value in group):
            text, number = (left, group[0]) if isinstance(left, str) else (group[0], left)
            raise OptionError(
                f"class expression {self.text!r} compares text ({text!r}) with a number "
                f"({number:g}).",
                "Quote text as in sex == 'F', and leave numbers unquoted.",
            )
        return bool(_COMPARE[type(op)](left, right))


def assign(rows: Rows, expressions: Mapping[str, str]) -> list[str | None]:
    """Return the class of each row, ``None`` for rows in no class.

    Args:
        rows: One mapping of covariates a scan.
        expressions: An expression by class name.

    Raises:
        OptionError: An expression cannot be parsed, or names a column that is not there.
        DataError: A class matches nobody, or two classes match the same row.
    """
    parsed = {name: Expression(text) for name, text in expressions.items()}
    known = sorted({name for row in rows for name, value in row.items() if value not in (None, "")})
    for name, expression in parsed.items():
        for column in expression.columns:
            if column not in known:
                raise _unknown(name, expression, column, known)
    matches = {name: [e.matches(row) for row in rows] for name, e in parsed.items()}
    for name, found in matches.items():
        if not any(found):
            raise DataError(
                f"class {name!r} ({expressions[name]}) matches none of {len(rows)} scans.",
                _ranges(rows, parsed[name].columns),
            )
    result: list[str | None] = []
    for i, row in enumerate(rows):
        names = [name for name in parsed if matches[name][i]]
        if len(names) > 1:
            who = row.get("subject", f"number {i + 1}")
            both = " and ".join(f"{name!r} ({expressions[name]})" for name in names[:2])
            raise DataError(
                f"classes overlap: subject {who} is both {both}.",
                "Make the expressions exclude each other.",
            )
        result.append(names[0] if names else None)
    return result


def public_expression(text: str) -> str:
    """Return a class expression for others to read: one that names people only says so."""
    try:
        columns = Expression(text).columns
    except OptionError:
        return text  # the name of a folder, or prose
    return "chosen by subject" if {"subject", "scan"} & set(columns) else text


def _unknown(name: str, expression: Expression, column: str, known: list[str]) -> OptionError:
    columns = ", ".join(n if n.isidentifier() else f"{{{n}}}" for n in known) or "none"
    hint = f"Columns: {columns}."
    near = nearest(column, known)
    if near.startswith("Did you mean"):
        hint = f"{near} {hint}"
    elif len(column) <= 3 or column.istitle():
        hint = f"Quote it if it is a value, as in sex == 'F'. {hint}"
    return OptionError(f"class {name!r} ({expression.text}): there is no column {column!r}.", hint)


def _ranges(rows: Rows, columns: list[str]) -> str:
    """Say which values the columns of an expression hold."""
    parts = []
    for column in columns:
        values = [row[column] for row in rows if row.get(column) is not None]
        numbers = [value for value in values if isinstance(value, int | float)]
        if numbers:
            parts.append(f"{column} goes from {min(numbers):g} to {max(numbers):g}")
        else:
            different = sorted({str(value) for value in values})
            more = ", …" if len(different) > 6 else ""
            parts.append(f"{column} is one of {', '.join(different[:6])}{more}")
    return "; ".join(parts) + "." if parts else ""
