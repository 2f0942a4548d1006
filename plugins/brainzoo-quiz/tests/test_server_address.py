"""Where the server may be reached, and what would not be safe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from brainzoo.common.errors import OptionError
from brainzoo_quiz.server.address import address, expect_sound


def test_addresses_behind_a_proxy_and_with_tls() -> None:
    here = address("127.0.0.1", 8765)
    assert here.url == "http://127.0.0.1:8765"
    assert all(map(here.knows, ("127.0.0.1:8765", "localhost:8765", "LOCALHOST", "[::1]:8765")))
    assert not any(map(here.knows, ("elsewhere.example", "127.0.0.1.example:8765", "[", "")))
    assert here.owns("http://localhost:8765", "localhost:8765")
    assert not here.owns("http://localhost:8766", "localhost:8765")
    assert not here.owns("https://localhost:8765", "localhost:8765")
    assert not here.secure
    there = address("127.0.0.1", 8765, url="https://Study.example.org/", behind_proxy=True)
    assert there.url == "https://study.example.org"
    assert there.knows("study.example.org")
    assert there.owns(there.url, "127.0.0.1:8765")
    assert there.secure
    spelt = address("127.0.0.1", 8765, url="https://study.example.org:443", behind_proxy=True)
    assert spelt == there  # browsers leave the port out
    own = address("study.example.org", 443, tls=True)
    assert own.url == "https://study.example.org"


@pytest.mark.parametrize(
    ("host", "options"),
    [
        ("0.0.0.0", {}),
        ("192.168.1.5", {}),
        ("0.0.0.0", {"cert": Path("c"), "key": Path("k")}),
        ("127.0.0.1", {"cert": Path("c")}),
        ("127.0.0.1", {"behind_proxy": True}),
        ("127.0.0.1", {"behind_proxy": True, "url": "http://study.example.org"}),
        ("127.0.0.1", {"url": "https://study.example.org"}),
        ("127.0.0.1", {"behind_proxy": True, "url": "https://study.example.org/path"}),
        ("127.0.0.1", {"behind_proxy": True, "url": "study.example.org"}),
        ("127.0.0.1", {"behind_proxy": True, "url": "https://[study"}),
        ("127.0.0.1", {"behind_proxy": True, "url": "https://study.example.org:port"}),
    ],
)
def test_options_that_would_not_be_safe_are_refused(host: str, options: dict[str, Any]) -> None:
    given = {"url": None, "cert": None, "key": None, "behind_proxy": False, **options}
    with pytest.raises(OptionError):
        expect_sound(host, **given)
