"""Whole sessions on the static page, by keyboard, by mouse and by touch."""

from __future__ import annotations

import json
from pathlib import Path

from brainzoo_quiz.statistics.scoring import score
from brainzoo_quiz.statistics.trials import join

from .conftest import read_file
from .pages import REASONS, TABLET, Open, make_study


def test_a_whole_session_by_keyboard_gives_a_file_that_is_scored(
    open_page: Open, tmp_path: Path
) -> None:
    study = make_study(repeats=1)
    reader = open_page(study)
    reader.begin_by_hand()
    reader.ready(1, "Practice")
    reader.press("r", "5")
    reader.sees(".answered", f"This one is {study.truth(1)}.")
    reader.press("Enter")
    reader.go_on("rest")
    said = ["created", "real", "created"]
    for number, word in enumerate(said, 1):
        reader.ready(number, "Image")
        reader.press(word[0], str(number))
    text = reader.download()

    found = read_file(text, tmp_path)
    assert (found.study, found.session) == (study.key.study, study.seat.session)
    assert found.reader.model_dump() == {"id": "R1", "group": "neuroradiologist", "years": 12}
    assert [one.token for one in found.answers] == [place.token for place in study.seat.order]
    assert [one.answer for one in found.answers] == ["real", *said]
    assert [one.confidence for one in found.answers] == [5, 1, 2, 3]
    assert [one.phase for one in found.answers] == ["practice", "test", "test", "test"]
    assert all(100 < (one.response_ms or 0) < 10_000 for one in found.answers)
    assert not any(one.timed_out or one.lost_focus or one.reloads for one in found.answers)
    assert found.finished_at is not None
    assert found.finished_at >= max(one.shown_at or "" for one in found.answers)
    assert json.loads(text) == found.content()
    scored = score(study.key, join(study.key, [found]))
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
            reader.find(".answered button").tap()
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


def test_without_feedback_practice_tells_nothing(open_page: Open) -> None:
    study = make_study(feedback=False, confidence=False)
    assert '"answer"' not in study.html().partition('id="study">')[2].partition("</script>")[0]
    reader = open_page(study)
    reader.begin()
    reader.ready(1, "Practice")
    reader.press("r")
    reader.sees("#rest", "Now the test")


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
