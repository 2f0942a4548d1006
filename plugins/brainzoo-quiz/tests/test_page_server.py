"""The page with the real server behind it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from brainzoo_quiz.statistics.scoring import score
from brainzoo_quiz.statistics.trials import join
from brainzoo_quiz.study.answers import Answers

from .pages import Open, Reader, Served, Study, make_study

pytestmark = pytest.mark.slow

Serve = Callable[[Study], Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    running: list[Served] = []

    def serve(study: Study) -> Served:
        running.append(Served(study, tmp_path / "study"))
        return running[-1]

    yield serve
    for one in running:
        one.stop()


def accept(open_page: Open, served: Served) -> Reader:
    """Use the invitation."""
    reader = open_page(address=served.invitation)
    reader.page.locator("button").click()
    return reader


def stored(served: Served) -> Answers:
    from brainzoo_quiz.server.overview import read_answers

    (found,) = read_answers(served.engine)
    return found


def test_a_whole_session_arrives_at_the_server(open_page: Open, serve: Serve) -> None:
    study = make_study(reasons=("blurred",), click=True)
    served = serve(study)
    reader = accept(open_page, served)
    replies: list[tuple[str, str]] = []

    def heard(response: Any) -> None:
        if "/api/" in response.url and "/image/" not in response.url:
            replies.append((response.url, response.text()))

    reader.page.on("response", heard)
    reader.begin()
    reader.ready(1, "Practice")
    assert reader.grey(0.3, 0.3)[3] == 255
    reader.press("c", "2", "Enter")
    reader.sees(".answered", f"This one is {study.truth(1)}.")
    reader.press("Enter")
    reader.go_on("rest")
    for number, (word, sure) in enumerate((("r", "4"), ("c", "5")), 1):
        reader.ready(number, "Image")
        reader.press(word, sure)
        if number == 2:
            reader.page.get_by_role("button", name="blurred").click()
            reader.find(".frame canvas").first.click(position={"x": 10, "y": 10})
        reader.press("Enter")
    reader.sees("#done", "All your answers have arrived")
    assert reader.find("#download").is_hidden()

    found = stored(served)
    assert [one.answer for one in found.answers] == ["created", "real", "created"]
    assert [one.confidence for one in found.answers] == [2, 4, 5]
    assert found.answers[2].reasons == ("blurred",)
    assert found.answers[2].click is not None
    assert (found.reader.id, found.reader.group) == ("R1", "neuroradiologist")
    assert found.finished_at is not None
    assert score(study.key, join(study.key, [found]))["readers"][0]["tp"] >= 0

    found = [text for _, text in replies if re.search(r'"(real|created)"', text)]
    assert [json.loads(text) for text in found] == [
        {"stored": True, "duplicate": False, "answer": study.truth(1)}
    ]
    everything = [reader.page.content(), json.dumps(reader.storage()), *(t for _, t in replies)]
    for text in everything:
        assert "ward7" not in text
        assert not any(name in text for name in study.images)
    reader.page.reload()
    reader.sees("#done")


def test_nothing_of_an_image_is_there_before_it_is_due(open_page: Open, serve: Serve) -> None:
    study = make_study(practice=0, confidence=False)
    reader = accept(open_page, serve(study))
    asked: list[str] = []
    reader.page.on("request", lambda request: asked.append(request.url))
    reader.begin()
    reader.ready(1)
    images = [url for url in asked if "/api/image/" in url]
    assert [url.split("/")[-2] for url in images] == [study.seat.order[0].token]
    seen = reader.page.content() + json.dumps(reader.storage())
    assert study.seat.order[1].token not in seen


def test_answers_wait_for_the_network_and_are_sent_again(open_page: Open, serve: Serve) -> None:
    served = serve(make_study(practice=0, confidence=False, seconds=None))
    reader = accept(open_page, served)
    reader.begin()
    reader.ready(1)
    context = reader.page.context
    broken = "**/api/answer"
    context.route(broken, lambda route: route.abort())
    reader.press("c")
    reader.sees("#trouble", "Your answers are safe on this device")
    assert stored(served).answers == ()
    reader.page.close()  # and even so
    context.unroute(broken)
    reader = open_page(address=f"{served.url}/read", again=reader)
    reader.go_on("rest")
    reader.ready(2)
    assert [one.answer for one in stored(served).answers] == ["created"]

    def lose_the_reply(route: Any) -> None:
        route.fetch()  # the server stores it, but the page never learns so
        route.abort()

    context.route(broken, lose_the_reply, times=1)
    reader.press("r")
    reader.sees("#trouble")
    reader.go_on("trouble")
    reader.sees("#done")
    assert [one.answer for one in stored(served).answers] == ["created", "real"]


def test_an_image_that_does_not_arrive_is_asked_for_again(open_page: Open, serve: Serve) -> None:
    served = serve(make_study(practice=0, confidence=False, seconds=60))
    reader = open_page(address=served.invitation)
    # From before the page can ask for it, until it is seen that it did not arrive.
    reader.page.context.route("**/api/image/**", lambda route: route.abort())
    reader.page.locator("button").click()
    reader.begin()
    reader.sees("#trouble", "tries again by itself")
    served.later = 20_000
    reader.page.context.unroute("**/api/image/**")
    reader.ready(1)
    assert int(reader.find(".digits").text_content()) <= 40


def test_loading_the_page_again_gives_no_seconds_back(open_page: Open, serve: Serve) -> None:
    served = serve(make_study(practice=0, confidence=False, seconds=60))
    reader = accept(open_page, served)
    reader.begin()
    reader.ready(1)
    served.later = 25_000
    reader.page.reload()
    reader.sees("#rest", "its time went on")
    reader.go_on("rest")
    reader.ready(1)
    assert int(reader.find(".digits").text_content()) <= 35
    served.later = 70_000
    reader.page.reload()
    reader.go_on("rest")
    reader.ready(1)
    reader.sees(".veil", "Time is over")
    assert reader.grey()[3] == 0
    reader.press("c")
    reader.ready(2)
    (found,) = stored(served).answers
    assert (found.timed_out, found.reloads) == (True, 2)
    assert (found.response_ms or 0) >= 60_000


def test_a_second_tab_learns_that_the_session_went_on(open_page: Open, serve: Serve) -> None:
    served = serve(make_study(practice=0, confidence=False, seconds=None, tests=3))
    reader = accept(open_page, served)
    reader.begin()
    reader.ready(1)
    other = open_page(address=f"{served.url}/read", again=reader)
    other.go_on("rest")
    other.ready(1)
    other.press("c")
    other.ready(2)
    other.press("c")
    other.ready(3)
    reader.press("r")  # too late: the first answer stays
    reader.sees("#trouble", "is not the one that is due")
    reader.go_on("trouble")
    reader.sees("#rest", "Welcome back")
    reader.go_on("rest")
    reader.ready(3)
    assert [one.answer for one in stored(served).answers] == ["created", "created"]


def test_a_closed_study_says_so(open_page: Open, serve: Serve) -> None:
    from brainzoo_quiz.server.admission import close

    served = serve(make_study(practice=0, confidence=False))
    reader = accept(open_page, served)
    reader.begin()
    reader.ready(1)
    close(served.engine)
    reader.page.reload()
    reader.sees("#trouble", "This study is closed")


def test_volumes_come_from_the_server_and_niivue_with_them(open_page: Open, serve: Serve) -> None:
    reader = accept(open_page, serve(make_study(dims=3, practice=0, seconds=None)))
    asked: list[str] = []
    reader.page.on("request", lambda request: asked.append(request.url))
    reader.begin()
    reader.ready(1)
    if reader.page.evaluate("!!document.createElement('canvas').getContext('webgl2')"):
        assert any(url.endswith("/assets/niivue.js") for url in asked)
        assert reader.find("canvas.glass").count() == 1
    reader.press("ArrowUp")
    reader.expect(reader.find(".slices output")).to_have_text("axial 8/12")
