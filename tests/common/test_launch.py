"""What a process knows of those that a launcher started beside it."""

import pytest

from brainzoo.common import console, launch
from brainzoo.common.errors import OptionError


def test_alone_there_is_one_process_and_no_helper(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert (launch.processes(), launch.index(), launch.index_on_machine()) == (1, 0, None)
    assert not launch.is_helper()
    assert launch.first_to_tell()
    assert launch.wait_for_first()


def test_helpers_are_quiet_but_tell_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "3")
    console.note("prepared")
    console.warn("odd")
    console.error("no such device")
    assert capsys.readouterr().err == "brainzoo: no such device\n"


@pytest.mark.parametrize(
    ("processes", "batch_size", "accumulate", "message"),
    [
        (3, 16, 1, r"split into 3 parts .* --batch-size 15 or 18\.$"),
        (8, 4, 1, r"split into 8 parts .* --batch-size 8\.$"),
        (2, 6, 2, r"split into 4 parts .* --batch-size 4 or 8\.$"),
        (1, 6, 4, r"split into 4 parts .* --batch-size 4 or 8\.$"),
    ],
)
def test_a_batch_that_cannot_be_shared_comes_with_sizes_that_can(
    monkeypatch: pytest.MonkeyPatch, processes: int, batch_size: int, accumulate: int, message: str
) -> None:
    monkeypatch.setenv("WORLD_SIZE", str(processes))
    with pytest.raises(OptionError, match=message):
        launch.expect_shareable(batch_size, accumulate)
    launch.expect_shareable(processes * accumulate * 2, accumulate)
