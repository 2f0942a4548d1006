"""The static page as a reader meets it: one file, opened from the disk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import chromium

from brainzoo_quiz import answers
from brainzoo_quiz.scoring import Settings, score
from brainzoo_quiz.trials import join

from .pages import REASONS, TABLET, Open, make_study, opener


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Open]:
    with opener(browser, tmp_path) as found:
        yield found


def read_file(text: str, folder: Path) -> answers.Answers:
    path = folder / "answers.json"
    path.write_text(text, encoding="utf-8")
    (found,) = answers.read(path)
    return found


def test_a_whole_session_by_keyboard_gives_a_file_that_is_scored(
    open_page: Open, tmp_path: Path
) -> None:
    study = make_study(repeats=1)
    reader = open_page(study)
    reader.begin_by_hand()
    reader.ready(1, "Practice")
    reader.press("r", "5")
    reader.sees(".told", f"This one is {study.truth(1)}.")
    reader.press("Enter")
    reader.go_on("rest")
    said = ["created", "real", "created"]
    for number, word in enumerate(said, 1):
        reader.ready(number, "Image")
        reader.press(word[0], str(number))
    text = reader.download()

    found = read_file(text, tmp_path)
    assert (found.study, found.session, found.reader) == (study.key.study, study.seat.session, "R1")
    assert (found.group, found.years) == ("neuroradiologist", 12)
    assert [one.token for one in found.answers] == [place.token for place in study.seat.order]
    assert [one.answer for one in found.answers] == ["real", *said]
    assert [one.confidence for one in found.answers] == [5, 1, 2, 3]
    assert [one.phase for one in found.answers] == ["practice", "test", "test", "test"]
    assert all(100 < (one.response_ms or 0) < 10_000 for one in found.answers)
    assert not any(one.timed_out or one.lost_focus or one.reloads for one in found.answers)
    assert found.finished_at is not None
    assert found.finished_at >= max(one.shown_at or "" for one in found.answers)
    assert json.loads(text) == found.content()
    scored = score(study.key, join(study.key, [found]), Settings())
    counts = scored["readers"][0]
    assert sum(counts[name] for name in ("tp", "fn", "fp", "tn")) == 2


def test_a_whole_session_by_mouse_with_reasons_and_a_mark(open_page: Open, tmp_path: Path) -> None:
    reader = open_page(make_study(practice=0, reasons=REASONS, click=True))
    reader.begin_by_hand()
    for number in (1, 2):
        reader.ready(number)
        box = reader.find(".frame canvas").first.bounding_box()
        spot = (box["x"] + 0.25 * box["width"], box["y"] + 0.75 * box["height"])
        reader.page.mouse.click(*spot)
        reader.sees(".frame .mark >> nth=0")
        assert reader.find(".next").is_disabled()
        reader.page.get_by_role("button", name="Created").click()
        reader.page.get_by_role("button", name="4 of 5").click()
        reader.page.get_by_role("button", name="odd anatomy").click()
        reader.page.get_by_role("button", name="Next").click()
    found = read_file(reader.download(), tmp_path)
    for one in found.answers:
        assert (one.answer, one.confidence, one.reasons) == ("created", 4, ("odd anatomy",))
        assert one.click is not None
        assert abs(one.click[0] - 2500) < 40
        assert abs(one.click[1] - 7500) < 40


def test_a_whole_session_by_touch(open_page: Open, tmp_path: Path) -> None:
    reader = open_page(make_study(), TABLET, has_touch=True)
    reader.begin_by_hand()
    for number, phase in ((1, "Practice"), (1, "Image"), (2, "Image")):
        reader.ready(number, phase)
        reader.page.get_by_role("button", name="Real").tap()
        reader.page.get_by_role("button", name="2 of 5").tap()
        if phase == "Practice":
            reader.find(".told button").tap()
            reader.go_on("rest")
    found = read_file(reader.download(), tmp_path)
    assert [(one.answer, one.confidence) for one in found.answers] == [("real", 2)] * 3


def test_the_window_follows_a_drag_and_a_double_click_resets_it(open_page: Open) -> None:
    reader = open_page(make_study(seconds=None, practice=0, click=True))
    reader.begin()
    reader.ready(1)
    before = reader.grey(0.3, 0.3)
    box = reader.find(".frame canvas").first.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    reader.page.mouse.move(*middle)
    reader.page.mouse.down()
    reader.page.mouse.move(middle[0] - 150, middle[1] + 40, steps=3)
    reader.page.mouse.up()
    assert reader.find("input.width").input_value() == "105"
    assert reader.find("input.level").input_value() == "148"
    assert reader.grey(0.3, 0.3) != before
    assert reader.find(".mark >> nth=0").is_hidden()
    reader.page.mouse.dblclick(*middle)
    assert reader.find("input.width").input_value() == "255"
    assert reader.grey(0.3, 0.3) == before
    assert reader.find(".mark >> nth=0").is_hidden()


def test_time_that_is_over_takes_the_image_but_not_the_question(
    open_page: Open, tmp_path: Path
) -> None:
    reader = open_page(make_study(practice=0, confidence=False), clock=True)
    reader.begin()
    clock = reader.page.clock
    reader.ready(1)
    assert reader.grey()[3] == 255
    clock.fast_forward(5000)
    assert int(reader.find(".digits").text_content()) in (4, 5)
    assert reader.grey()[3] == 255
    clock.fast_forward(5000)
    reader.sees(".veil", "Time is over")
    assert reader.grey() == [0, 0, 0, 0]
    reader.find("input.width").fill("90")  # nothing brings it back
    assert reader.grey() == [0, 0, 0, 0]
    clock.fast_forward(2000)
    reader.press("c")
    reader.ready(2)
    reader.press("r")
    late, early = read_file(reader.download(), tmp_path).answers
    assert late.timed_out
    assert late.answer == "created"
    assert 11_900 < (late.response_ms or 0) < 20_000
    assert not early.timed_out


def test_a_closed_tab_goes_on_without_getting_its_seconds_back(
    open_page: Open, tmp_path: Path
) -> None:
    study = make_study(practice=0, seconds=60, confidence=False)
    reader = open_page(study, clock=True)
    reader.begin()
    reader.ready(1)
    reader.page.clock.fast_forward(20_000)
    reader.page.close()

    reader = open_page(study, again=reader)
    reader.sees("#rest", "its time went on")
    reader.page.clock.fast_forward(10_000)
    reader.go_on("rest")
    reader.ready(1)
    left = int(reader.find(".digits").text_content())
    assert 5 < left <= 30
    reader.page.close()
    reader = open_page(study, again=reader)
    reader.page.clock.fast_forward(40_000)
    reader.go_on("rest")
    reader.ready(1)
    reader.sees(".veil", "Time is over")
    assert reader.grey()[3] == 0
    reader.press("r")
    reader.ready(2)
    reader.press("r")
    first, second = read_file(reader.download(), tmp_path).answers
    assert (first.reloads, first.timed_out, second.reloads) == (2, True, 0)
    assert (first.response_ms or 0) > 60_000


def test_the_start_is_stored_before_a_pixel_is_drawn(open_page: Open) -> None:
    script = """
      const draw = CanvasRenderingContext2D.prototype.putImageData;
      window.stored = [];
      CanvasRenderingContext2D.prototype.putImageData = function (...all) {
        stored.push(Object.values(localStorage).some((text) => JSON.parse(text).open));
        return draw.apply(this, all);
      };
    """
    reader = open_page(make_study(practice=0), script=script)
    reader.begin()
    reader.ready(1)
    stored = reader.page.evaluate("stored.map(Boolean)")
    assert stored
    assert all(stored)


def test_a_computer_whose_clock_was_set_back_gives_no_time_back(open_page: Open) -> None:
    reader = open_page(make_study())
    assert reader.page.evaluate("since(Date.now() - 7000)") >= 7000
    assert reader.page.evaluate("since(Date.now() + 3600000)") >= 3_590_000


def test_every_button_can_be_reached_and_pressed_by_keys_alone(open_page: Open) -> None:
    reader = open_page(make_study(practice=0, reasons=REASONS))
    reader.begin()
    reader.ready(1)
    reader.press(
        "Tab", "Tab", "Enter", "4", "Tab", "Tab", "Tab", "Tab", "Tab", "Tab", "Tab", "Enter"
    )
    assert reader.find("[aria-pressed=true]").all_text_contents() == ["CreatedC", "4", REASONS[1]]
    reader.press("Tab", "Enter")
    reader.ready(2)


def test_a_finished_session_stays_finished(open_page: Open, tmp_path: Path) -> None:
    study = make_study(practice=0, confidence=False)
    reader = open_page(study)
    reader.begin()
    for number in (1, 2):
        reader.ready(number)
        reader.press("r")
    first = reader.download()
    reader.page.reload()
    assert reader.download() == first


def test_who_cannot_go_on_hands_over_what_there_is(open_page: Open, tmp_path: Path) -> None:
    reader = open_page(make_study(practice=0, confidence=False, break_after=1))
    reader.begin()
    reader.ready(1)
    reader.press("c")
    reader.sees("#rest", "1 of 2 done")
    with reader.page.expect_download() as download:
        reader.find("#part a").click()
    found = read_file(Path(download.value.path()).read_text(encoding="utf-8"), tmp_path)
    assert found.finished_at is None
    assert [one.answer for one in found.answers] == ["created"]
    reader.go_on("rest")
    reader.ready(2)


def test_looking_elsewhere_is_counted_once_each_time(open_page: Open, tmp_path: Path) -> None:
    reader = open_page(make_study(practice=0, confidence=False))
    reader.begin()
    reader.ready(1)
    for _ in range(2):
        reader.page.evaluate("dispatchEvent(new Event('blur')); dispatchEvent(new Event('blur'))")
        reader.page.evaluate("dispatchEvent(new Event('focus'))")
    reader.press("r")
    reader.ready(2)
    reader.press("r")
    assert [one.lost_focus for one in read_file(reader.download(), tmp_path).answers] == [2, 0]


def test_two_tabs_of_a_session_store_each_answer_once(open_page: Open, tmp_path: Path) -> None:
    study = make_study(practice=0, confidence=False, seconds=None)
    reader = open_page(study)
    reader.begin()
    reader.ready(1)
    other = open_page(study, again=reader)
    other.go_on("rest")
    other.ready(1)
    other.press("c")
    other.ready(2)
    reader.page.bring_to_front()
    reader.press("r")
    reader.ready(2)
    reader.press("r")
    found = read_file(reader.download(), tmp_path)
    assert [one.answer for one in found.answers] == ["created", "real"]


def test_a_forgotten_tab_undoes_nothing(open_page: Open, tmp_path: Path) -> None:
    study = make_study(practice=0, confidence=False, seconds=None, tests=3)
    reader = open_page(study)
    late = open_page(study, again=reader)
    late.agree()
    late.sees("#about")
    reader.begin()
    reader.ready(1)
    idle, other = open_page(study, again=reader), open_page(study, again=reader)
    idle.go_on("rest")
    idle.ready(1)
    other.sees("#rest", "Welcome back")
    for number in (1, 2, 3):
        reader.ready(number)
        reader.press("r")
    answered = reader.download()
    idle.page.evaluate("dispatchEvent(new Event('blur'))")
    other.go_on("rest")
    other.sees("#trouble", "went on in another tab")
    late.introduce()
    late.sees("#trouble", "went on in another tab")
    late.go_on("trouble")
    assert late.download() == answered


def test_without_feedback_practice_tells_nothing(open_page: Open) -> None:
    study = make_study(feedback=False, confidence=False)
    assert '"answer"' not in study.html().partition('id="study">')[2].partition("</script>")[0]
    reader = open_page(study)
    reader.begin()
    reader.ready(1, "Practice")
    reader.press("r")
    reader.sees("#rest", "Now the test")


def test_nothing_kept_or_sent_tells_what_an_image_is(open_page: Open, browser: Any) -> None:
    study = make_study(practice=1, confidence=False)
    requests: list[str] = []
    reader = open_page(study)
    reader.page.on("request", lambda request: requests.append(request.url))
    reader.begin()
    reader.ready(1)
    reader.press("r")
    reader.sees(".told")
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


def test_a_browser_that_keeps_nothing_says_so(open_page: Open, tmp_path: Path) -> None:
    script = "Storage.prototype.setItem = () => { throw new Error('full'); };"
    reader = open_page(make_study(practice=0, confidence=False), script=script)
    reader.sees("#not-lasting", "in one go")
    reader.begin()
    for number in (1, 2):
        reader.ready(number)
        reader.press("r")
    assert len(read_file(reader.download(), tmp_path).answers) == 2


def test_a_dark_screen_is_noticed_but_nobody_is_sent_away(open_page: Open) -> None:
    reader = open_page(make_study())
    reader.agree()
    reader.introduce()
    for name in ("dark", "light"):
        reader.find(f"input[name={name}][value='0']").check()
    reader.go_on("device")
    reader.sees("#pattern-note", "in the dark field, and there are")
    reader.go_on("device")
    reader.sees("#how")


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
    from brainzoo_quiz import strict

    reader = open_page(make_study())
    found = reader.page.evaluate("all => all.map(digest)", SAMPLES)
    assert found == [strict.digest(sample) for sample in SAMPLES]
    spelt = reader.page.evaluate("all => all.map(canonical)", SAMPLES)
    assert [text.encode() for text in spelt] == [strict.canonical(sample) for sample in SAMPLES]


def test_pixels_that_do_not_fit_the_study_are_refused() -> None:
    from brainzoo.errors import DataError
    from brainzoo_quiz.package import page_data
    from brainzoo_quiz.reading import static_page

    study = make_study()
    data = page_data(study.package, study.seat)
    with pytest.raises(DataError, match="position 1 has 0 images; expected 1"):
        static_page(data, {})
    short = {place.token: [b"\0" * 7] for place in study.seat.order}
    with pytest.raises(DataError, match="another length than 1280 bytes"):
        static_page(data, short)


def test_pages_of_volumes_alone_carry_niivue_and_its_licence() -> None:
    assert len(make_study().html()) < 200_000
    volumes = make_study(dims=3).html()
    assert "NIIVUE VERSION" in volumes
    assert "Copyright (c) 2021, Niivue" in volumes
