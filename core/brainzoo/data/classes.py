"""Classes by expressions over a table's columns: ``young="age < 35"``.

An expression is parsed by Python's own parser, and this module walks the tree: comparisons (also
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

LONGEST = 1000  # characters of an expression; far more than anybody types
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
    """A parsed class expression: ``"age < 35 and sex == 'F'"``; others are an OptionError."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._names: dict[str, str] = {}
        if len(text) > LONGEST:
            raise OptionError(f"a class expression has {len(text)} characters; at most {LONGEST}.")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the parser, about odd numbers and escapes
                self._plain = QUOTED.sub(self._column, text.strip())
                self._tree = ast.parse(self._plain, mode="eval").body
            self.matches({})  # visits every part, and refuses what is not allowed
        except OptionError:
            raise
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise OptionError(
                f"{text!r} is not a class expression.",
                "Write something like: age < 35, or sex == 'F' and 20 <= age < 40",
            ) from error
        names = {node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name)}
        self.columns = sorted(self._names.get(name, name) for name in names)

    def matches(self, row: Mapping[str, Value]) -> bool:
        """Return whether a row matches, unknown being no; text with a number is an OptionError."""
        return self._decide(self._tree, row) is True

    def _column(self, match: re.Match[str]) -> str:
        """Return a plain word for a column in backticks or braces; text as it is."""
        name = match["ticks"] or match["braces"]
        if name is None:
            return match[0]
        word = f"column_{len(self._names)}_"
        self._names[word] = name.strip()
        return word

    def _decide(self, node: ast.expr, row: Mapping[str, Value]) -> bool | None:
        """Return what a node says of a row; ``None`` is unknown (Kleene's three-valued logic)."""
        decisive = isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or)
        match node:
            case ast.UnaryOp(op=ast.Not()):
                inner = self._decide(node.operand, row)
                return None if inner is None else not inner
            case ast.BoolOp():
                found = [self._decide(part, row) for part in node.values]
            case ast.Compare():
                values = [self._operand(part, row) for part in (node.left, *node.comparators)]
                pairs = zip(node.ops, values, values[1:], strict=False)
                found = [self._compared(node, *each) for each in pairs]
            case _:
                raise self._error(node)
        if decisive in found:
            return decisive
        return None if None in found else not decisive

    def _operand(self, node: ast.expr, row: Mapping[str, Value]) -> Any:
        """Return a column's value, a number, a text, or a list of these."""
        match node:
            case ast.Name():
                return row.get(self._names.get(node.id, node.id))
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return -number
            case ast.Constant(value=int() | float() | str()) if not isinstance(node.value, bool):
                return node.value
            case ast.Tuple() | ast.List() | ast.Set() if node.elts:
                return [self._operand(element, row) for element in node.elts]
        raise self._error(node)

    def _compared(self, node: ast.Compare, op: ast.cmpop, left: Any, right: Any) -> bool | None:
        grouped = isinstance(op, ast.In | ast.NotIn)
        if type(op) not in _COMPARE or isinstance(left, list):
            raise self._error(node)
        if isinstance(right, list) != grouped:
            raise OptionError(
                f"{self.text!r}: 'in', and nothing else, needs a list after it.",
                "For example: site in ['HH', 'Guys']",
            )
        group = right if grouped else [right]
        if left is None or None in group:
            return None
        if any(isinstance(left, str) != isinstance(value, str) for value in group):
            raise OptionError(
                f"class expression {self.text!r} compares text with a number: {left!r}, "
                f"{group[0]!r}.",
                "Quote text as in sex == 'F', and leave numbers unquoted.",
            )
        return bool(_COMPARE[type(op)](left, right))

    def _error(self, node: ast.expr) -> OptionError:
        part = ast.get_source_segment(self._plain, node) or self.text
        hint = "Use comparisons of columns, joined by and, or, not: age < 35 and sex == 'F'"
        if isinstance(node, ast.BinOp):
            hint = f"If it is the name of a column, write {{{part}}}."
        return OptionError(f"class expression {self.text!r}: {part!r} is not allowed here.", hint)


def assign(rows: Rows, expressions: Mapping[str, str]) -> list[str | None]:
    """Return the class of each row by these expressions, ``None`` for rows in no class.

    A class that matches nobody, or a row that two of them match, is a DataError.
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
        names = [name for name, found in matches.items() if found[i]]
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
