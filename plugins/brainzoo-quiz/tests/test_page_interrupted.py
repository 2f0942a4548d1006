"""A session whose time ends, whose tab is closed, or that is open twice."""

from __future__ import annotations

from pathlib import Path

from .conftest import read_file
from .pages import Open, make_study


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
    other.catch_up()
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
    idle.catch_up()
    other.catch_up()
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


def test_a_browser_that_keeps_nothing_says_so(open_page: Open, tmp_path: Path) -> None:
    script = "Storage.prototype.setItem = () => { throw new Error('full'); };"
    reader = open_page(make_study(practice=0, confidence=False), script=script)
    reader.sees("#not-lasting", "in one go")
    reader.begin()
    for number in (1, 2):
        reader.ready(number)
        reader.press("r")
    assert len(read_file(reader.download(), tmp_path).answers) == 2
