"""What the documents point at is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    path
    for pattern in ("*.md", "docs/*.md", "plugins/*/*.md", "examples/**/*.md")
    for path in sorted(ROOT.glob(pattern))
]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_within_the_project_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8"))
    dead = [t for t in links if "://" not in t and not (path.parent / t).exists()]
    assert not dead, f"{path.name} links to what is not there: {', '.join(dead)}"


def test_files_named_in_the_documents_are_there() -> None:
    """Paths in backquotes, from the project's top or from where the document lies."""
    for path in DOCUMENTS:
        named = re.findall(r"`((?:docs|tests|core|plugins|examples)/[\w./-]+)`", path.read_text())
        dead = [n for n in named if not (ROOT / n).exists() and not (path.parent / n).exists()]
        assert not dead, f"{path.name} names what is not there: {', '.join(dead)}"
