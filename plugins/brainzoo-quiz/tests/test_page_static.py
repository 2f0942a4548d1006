"""The static page is one file, which reveals nothing that it should not."""

from __future__ import annotations

import json
import re
from typing import Any

from .pages import Open, make_study


def test_nothing_kept_or_sent_tells_what_an_image_is(open_page: Open, browser: Any) -> None:
    study = make_study(practice=1, confidence=False)
    requests: list[str] = []
    reader = open_page(study)
    reader.page.on("request", lambda request: requests.append(request.url))
    reader.begin()
    reader.ready(1)
    reader.press("r")
    reader.sees(".answered")
    reader.press("Enter")
    reader.go_on("rest")
    reader.ready(1, "Image")
    data = json.loads(reader.find("#study").text_content())
    assert all("answer" not in trial for trial in data["trials"] if trial["phase"] == "test")
    everything = [reader.page.content(), json.dumps(reader.storage()), *requests]
    for text in everything:
        assert "ward7" not in text
        assert study.key.salt not in text
        assert not any(name in text for name in study.images)
    kept = json.dumps(reader.storage())
    assert re.findall(r"real|created", kept) == ["real"]  # what was said in practice
    assert requests == []
    assert reader.storage()["kept"][1:] == [{}, ""]


def test_hostile_text_stays_text(open_page: Open) -> None:
    attack = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"
    reader = open_page(make_study(title=attack, reasons=(attack[:100],), practice=0))
    reader.sees("#welcome h1", "onerror=alert(1)>")
    reader.begin()
    reader.ready(1)
    assert reader.page.locator("img").count() == 0
    assert reader.page.title() != "owned"
    reader.sees(".reasons button", "document.title")


SAMPLES: list[Any] = [
    {},
    [],
    {"b": [1, None, True, False, -7, 10**15], "a": {"z": "", "é": "ß", "Z": " "}},
    "Größe 𝒙 \u2028 \x7f \t\n\\\"'/ \x00\x1f",
    *("x" * length for length in (53, 54, 55, 56, 61, 62, 63, 64, 117, 118, 119, 1000)),
]


def test_digests_are_those_that_python_makes(open_page: Open) -> None:
    from brainzoo_quiz.study import files as strict

    reader = open_page(make_study())
    found = reader.page.evaluate("all => all.map(digest)", SAMPLES)
    assert found == [strict.digest(sample) for sample in SAMPLES]
    spelt = reader.page.evaluate("all => all.map(canonical)", SAMPLES)
    assert [text.encode() for text in spelt] == [strict.canonical(sample) for sample in SAMPLES]


def test_pages_of_volumes_alone_carry_niivue_and_its_licence() -> None:
    assert len(make_study().html()) < 200_000
    volumes = make_study(dims=3).html()
    assert "NIIVUE VERSION" in volumes
    assert "Copyright (c) 2021, Niivue" in volumes
