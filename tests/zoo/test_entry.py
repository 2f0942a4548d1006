from __future__ import annotations

from pathlib import Path

import pytest

from brainzoo.common.errors import IntegrityError
from brainzoo.common.files import sha256
from brainzoo.zoo.entry import HubSource, entry_of
from brainzoo.zoo.registry import dump_entries, parse_registry

SOURCE = HubSource(hub="zoo/tiny-heads", revision="a1" * 20)


def test_the_entry_of_a_checkpoint_lists_its_files_and_sums_it_up(checkpoint: Path) -> None:
    entry = entry_of(checkpoint, name="tiny-heads", version="1.0.0", source=SOURCE)
    assert (entry.plugin, entry.distribution) == ("tiny", "brainzoo-tiny")
    assert entry.summary == (
        "T1w slices of 128 × 128, from 18 subjects of made-up heads (CC BY-SA 3.0)"
    )
    assert entry.weights_sha256 == sha256(checkpoint / "model.safetensors")
    assert set(entry.files) == {path.name for path in checkpoint.iterdir()}
    assert entry.size == sum(path.stat().st_size for path in checkpoint.iterdir())
    written = f"schema: 1\ncheckpoints:\n{dump_entries([entry])}"
    assert parse_registry(written.encode()) == (entry,)


def test_a_name_that_no_entry_may_have_is_refused(checkpoint: Path) -> None:
    with pytest.raises(IntegrityError, match="makes no registry entry: name:"):
        entry_of(checkpoint, name="A B", version="1.0.0", source=SOURCE)
