"""The page as a person meets it, in a browser."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from brainzoo.data.images import Images
from brainzoo_report.config import ReportConfig
from brainzoo_report.exporter import Report

from .conftest import COMMAND, FRAMES

# The WCAG 2 contrast of each text with what lies behind it, least first.
CONTRAST = """() => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = (c) => { const [r, g, b] = parse(c).slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor; const p = parse(c);
    if (p.length < 4 || p[3] > 0) return c; } return "rgb(255, 255, 255)"; };
  const found = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.getClientRects().length || e.tagName === "SCRIPT") continue;
    const style = getComputedStyle(e);
    const [a, b] = [light(e.tagName === "text" ? style.fill : style.color), light(behind(e))];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent.slice(0, 40)]);
  }
  return found.sort((a, b) => a[0] - b[0]);
}"""

Open = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any, make_run: Callable[..., Path]) -> Iterator[Open]:
    """Return a function that writes a report and opens it; the page must stay silent and alone."""
    contexts, trouble = [], []

    def open_page(
        run: Path | None = None, width: int = 1280, options: ReportConfig | None = None, **kind: Any
    ) -> Any:
        run = run or make_run()
        report = Report(options or ReportConfig())
        (path,) = report.export(Images.open(run / "samples"), run / "report", run=run)
        contexts.append(browser.new_context(viewport={"width": width, "height": 800}, **kind))
        page = contexts[-1].new_page()
        page.on("console", lambda message: trouble.append(message.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        address = path.as_uri()
        page.on(
            "request",
            lambda request: (
                None
                if request.url == address or request.url.startswith("data:")
                else trouble.append(request.url)
            ),
        )
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []


def test_both_grids_are_seen_side_by_side_at_the_same_size(open_page: Open) -> None:
    page = open_page()
    real = page.locator("#real img").bounding_box()
    synthetic = page.locator("#synthetic img").bounding_box()
    assert real["width"] == synthetic["width"] > 400
    assert real["height"] == synthetic["height"] > 400
    assert real["y"] == synthetic["y"]
    assert synthetic["x"] > real["x"] + real["width"]
    loaded = "images => images.every(image => image.complete && image.naturalWidth > 0)"
    assert page.eval_on_selector_all("img", loaded)


def test_the_film_plays_from_noise_to_the_end_and_stops(open_page: Open) -> None:
    page = open_page()
    assert page.locator("#film li:visible").count() == 1
    assert page.locator("#seen").text_content() == "44,800 images seen"
    page.clock.install(time=0)
    page.clock.pause_at(60_000)  # an installed clock still runs; only a paused one waits for us
    page.locator("#play").click()
    assert page.locator("#seen").text_content() == "0 images seen"
    assert page.locator("#play").text_content() == "Pause"
    page.clock.run_for(600)
    assert page.locator("#seen").text_content() == "12,800 images seen"
    page.clock.run_for(5000)
    assert page.locator("#seen").text_content() == "44,800 images seen"
    assert page.locator("#play").text_content() == "Play"


def test_the_film_can_be_paused_and_scrubbed_by_keys(open_page: Open) -> None:
    page = open_page()
    page.locator("#scrub").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.locator("#seen").text_content() == "6,400 images seen"
    assert page.locator("#scrub").get_attribute("aria-valuetext") == "6,400 images seen"
    page.clock.install(time=0)
    page.clock.pause_at(60_000)  # an installed clock still runs; only a paused one waits for us
    page.locator("#play").click()
    page.locator("#play").click()
    page.clock.run_for(3000)
    assert page.locator("#seen").text_content() == "6,400 images seen"


def test_without_javascript_the_film_is_a_strip(open_page: Open) -> None:
    page = open_page(java_script_enabled=False)
    assert page.locator("#film li:visible").count() == FRAMES
    assert not page.locator("#play").is_visible()
    assert not page.locator("#copy").is_visible()


def test_one_click_copies_the_command(open_page: Open) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.locator("#copy").click()
    page.wait_for_function("document.getElementById('copy').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == COMMAND


@pytest.mark.parametrize("width", [320, 400, 768, 1280])
def test_the_page_never_scrolls_sideways(open_page: Open, width: int) -> None:
    page = open_page(width=width)
    page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(open_page: Open, scheme: str) -> None:
    page = open_page(color_scheme=scheme)
    page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true; })")
    found = page.evaluate(CONTRAST)
    assert len(found) > 80
    assert found[0][0] >= 4.5, found[0]
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 26)"
    assert dark == (scheme == "dark")


def test_a_screen_reader_finds_its_way(open_page: Open) -> None:
    page = open_page()
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("h1").count() == 1
    levels = page.eval_on_selector_all("h1,h2,h3", "all => all.map(h => Number(h.tagName[1]))")
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    alts = page.eval_on_selector_all("img", "all => all.map(image => image.alt)")
    assert all(alts)
    named = "all => all.every(one => one.getAttribute('aria-label') || one.textContent.trim())"
    assert page.eval_on_selector_all("button, input, svg[role=img], a", named)
    ids = page.eval_on_selector_all("[id]", "all => all.map(one => one.id)")
    assert len(ids) == len(set(ids))


def test_links_lead_to_what_is_there(open_page: Open, make_run: Callable[..., Path]) -> None:
    run = make_run()
    page = open_page(run)
    links = page.eval_on_selector_all(".files a", "all => all.map(one => one.getAttribute('href'))")
    assert "../samples/" in links
    assert "../export/" in links
    assert all((run / "report" / link).resolve().exists() for link in links)


def test_hostile_text_stays_text(open_page: Open, make_run: Callable[..., Path]) -> None:
    attack = "</script></style><script>document.title='owned'</script><img src=x onerror=alert(1)>"
    run = make_run(command=attack, started=attack, hardware={attack: attack}, seconds={attack: 1})
    page = open_page(run)
    assert "owned" not in page.title()
    assert page.locator("img[src=x]").count() == 0
    assert "onerror=alert(1)>" in page.locator("#command").text_content()
    assert page.locator("script").count() == 1
