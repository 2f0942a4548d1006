"""The JSON files of a study: strict schemas, one-line errors, and digests that find edits.

A digest is the SHA-256 of the canonical spelling of all else in its file: sorted names, no spaces,
UTF-8. Files with a digest hold whole numbers only, so that JavaScript (``JSON.stringify`` with
sorted names) writes the same bytes as Python.
"""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import jinja2
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from brainzoo.api import DataError, IntegrityError, NotFoundError

SCHEMA = 1
"""Version of all files of a study."""


def _line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("expected one line of printable text")
    return text


Line = Annotated[str, StringConstraints(max_length=100), AfterValidator(_line)]
Title = Annotated[str, StringConstraints(max_length=200), AfterValidator(_line)]
Reason = Annotated[Line, StringConstraints(pattern="^[^;]*$")]
Hex128 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]
Hex256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
Moment = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$")]


class Model(BaseModel):
    """A schema: no unknown names, no conversions, no changes afterwards."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def of(cls, content: Any, name: str) -> Self:
        """Return parsed JSON as this model.

        Raises:
            DataError: It does not fit; the error names the first place where.
        """
        try:
            return cls.model_validate_json(json.dumps(content))
        except ValidationError as error:
            raise DataError(f"{name}: {_first(error)}.") from None


class Document(Model):
    """A file that says what it is: its ``kind``, its ``schema``, and perhaps a digest."""

    KIND: ClassVar[str]
    SEAL: ClassVar[str] = ""
    """The name of the digest of all else, if the file has one."""

    @property
    def seal(self) -> str:
        """The digest of the content."""
        return digest(self._unsealed())

    def content(self) -> dict[str, Any]:
        """Return what the file holds."""
        return {**self._unsealed(), **({self.SEAL: self.seal} if self.SEAL else {})}

    def text(self) -> str:
        """Return the file's text."""
        return f"{json.dumps(self.content(), indent=1, ensure_ascii=False)}\n"

    def _unsealed(self) -> dict[str, Any]:
        return {"kind": self.KIND, "schema": SCHEMA, **self.model_dump(mode="json")}

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            NotFoundError: It does not exist.
            DataError: It is something else.
            IntegrityError: It was edited, or is of another version.
        """
        return cls.parse(read_text(path, cls.KIND), path.name)

    @classmethod
    def parse(cls, text: str, name: str = "file") -> Self:
        """Parse a file's text; ``name`` is what errors call it. Raises as :meth:`read`."""
        content = parse_object(text, cls.KIND, name)
        kind, schema = content.pop("kind", None), content.pop("schema", None)
        if kind != cls.KIND:
            raise DataError(
                f"{name} is not a {cls.KIND} file: its kind is {kind!a:.60}.",
                "Check which file goes where.",
            )
        if schema != SCHEMA:
            raise IntegrityError(
                f"{name} has schema {schema!a:.60}; this version reads {SCHEMA}.",
                "Use the version of brainzoo-quiz that wrote it.",
            )
        seal = content.pop(cls.SEAL, None)
        found = cls.of(content, name)
        if cls.SEAL and seal != found.seal:
            raise IntegrityError(
                f"{name} was edited after it was saved: its {cls.SEAL} does not match.",
                "Use the file as it was first saved.",
            )
        return found


@functools.cache
def templates(folder: Path) -> jinja2.Environment:
    """Return the Jinja templates of a folder, for pages: all values are escaped."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def canonical(content: Any) -> bytes:
    """Return the one spelling of a JSON value that digests are made of."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def digest(content: Any) -> str:
    """Return the hexadecimal SHA-256 of a JSON value's canonical spelling."""
    return hashlib.sha256(canonical(content)).hexdigest()


def read_text(path: Path, what: str) -> str:
    """Return the text of a file.

    Raises:
        NotFoundError: It does not exist.
        DataError: It is not UTF-8, or cannot be read.
    """
    if not path.is_file():
        raise NotFoundError(f"there is no file {path}.", "Check the path.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{path} is not a {what} file: it is not UTF-8 text.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.", "Check its rights.") from None


def parse_object(text: str, what: str, name: str) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        DataError: It is something else.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        why = f"{name} is not a {what} file: {error}."
        raise DataError(why, "Ask for the file again.") from None
    if not isinstance(content, dict):
        raise DataError(f"{name} is not a {what} file: expected a JSON object.")
    return content


def expect_unique(values: list[Any], what: str) -> None:
    """Raise ``ValueError``, for validators, if a value occurs twice."""
    if len(set(values)) < len(values):
        raise ValueError(f"the same {what} occurs twice")


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False)[0]
    place = ".".join(map(str, found["loc"]))
    place = place[:100] if place.isprintable() else ascii(place)[:100]
    known = {"missing": f"{place} is missing", "extra_forbidden": f"{place} is unknown"}
    if found["type"] in known:
        return known[found["type"]]
    why = found["msg"].removeprefix("Value error, ")
    if found["type"] == "value_error" or isinstance(found["input"], dict | list):
        return f"{place}: {why}" if place else why
    return f"{place} is {found['input']!a:.60}: {why}"
