"""The page as a person meets it, in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from brainzoo.api import Images
from brainzoo_show.panes import ImagesPane, ModelPane

from .conftest import Open, Serve

DESKTOP, PHONE = (1280, 860), (390, 844)


def drawn(page: Any, pane: int = 0) -> Any:
    """Wait until a pane's wall is complete, and return its tiles."""
    section = page.locator(".pane").nth(pane)
    section.locator(".status", has_text=re.compile("image")).wait_for()
    page.wait_for_function("() => !document.querySelector('[aria-busy]')")
    return section.locator(".wall button")


def sources(tiles: Any) -> list[str]:
    found: list[str] = tiles.locator("img").evaluate_all("all => all.map(one => one.src)")
    return found


def first_changes(page: Any, old: str) -> None:
    page.wait_for_function("old => document.querySelector('.wall img').src !== old", arg=old)


def first_becomes(page: Any, new: str) -> None:
    page.wait_for_function("new_ => document.querySelector('.wall img').src === new_", arg=new)


def expect_accessible(page: Any) -> None:
    module = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = module.Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_the_page_is_accessible_and_never_scrolls_sideways(
    open_page: Open, serve: Serve, slices: ModelPane, people: ImagesPane, size: tuple[int, int]
) -> None:
    page = open_page(serve(slices, people), size)
    drawn(page)
    drawn(page, 1)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    expect_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    page.locator(".wall button").first.click()
    page.locator("#closer .stage img").wait_for()
    expect_accessible(page)


def test_the_same_heads_grow_older_when_the_slider_moves(
    open_page: Open, serve: Serve, slices: ModelPane
) -> None:
    page = open_page(serve(slices))
    before = sources(drawn(page))
    assert len(set(before)) == 24
    age = page.get_by_label("Age", exact=True)
    age.fill("30")
    first_changes(page, before[0])
    young = sources(drawn(page))
    age.fill("65")
    first_changes(page, young[0])
    assert "65 years" in drawn(page).first.locator("img").get_attribute("alt")
    age.fill("30")
    first_becomes(page, young[0])
    page.get_by_role("button", name="Any age").click()
    first_becomes(page, before[0])


def test_a_choice_and_a_sampling_option_reach_every_image(
    open_page: Open, serve: Serve, slices: ModelPane
) -> None:
    page = open_page(serve(slices))
    drawn(page)
    page.get_by_role("radio", name="F", exact=True).check()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.wall img')].every(one => one.alt.endsWith(', F'))"
    )
    before = sources(drawn(page))
    page.get_by_label("Truncation").fill("0")
    first_changes(page, before[0])
    assert len(set(sources(drawn(page)))) < 24  # all are the mean image of their condition


def test_it_works_by_keys(open_page: Open, serve: Serve, slices: ModelPane) -> None:
    page = open_page(serve(slices))
    tiles = drawn(page)
    before = sources(tiles)
    tiles.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    title = page.locator("#closer-title")
    assert title.text_content() == "pggan-ixi-64, image 2 of 24"
    page.keyboard.press("ArrowRight")
    assert title.text_content() == "pggan-ixi-64, image 3 of 24"
    page.keyboard.press("Escape")
    page.locator("#closer").wait_for(state="hidden")
    # After the page heard of the closing; a function of JavaScript is waited for by eval, which the
    # page forbids.
    page.locator(":focus img[alt^='Image 3']").wait_for()
    page.keyboard.press("n")
    first_changes(page, before[0])


def test_more_are_drawn_below_the_first(open_page: Open, serve: Serve, slices: ModelPane) -> None:
    page = open_page(serve(slices))
    before = sources(drawn(page))
    page.get_by_role("button", name="Draw more").click()
    page.locator(".wall button").nth(47).wait_for()
    after = sources(drawn(page))
    assert after[:24] == before
    assert len(set(after)) == 48


@pytest.mark.parametrize(("kind", "suffix"), [("PNG", "png"), ("NIfTI", "nii.gz")])
def test_an_image_is_downloaded(
    open_page: Open, serve: Serve, slices: ModelPane, kind: str, suffix: str
) -> None:
    page = open_page(serve(slices))
    drawn(page).nth(9).click()
    with page.expect_download() as waiting:
        page.locator("#closer-files").get_by_text(kind, exact=True).click()
    assert waiting.value.suggested_filename == f"model-0009.{suffix}"


def test_volumes_scroll_and_turn(open_page: Open, serve: Serve, volumes: ModelPane) -> None:
    page = open_page(serve(volumes))
    page.locator(".wall button").first.click()
    page.locator("canvas[data-ready]").wait_for()
    picture = lambda: page.locator("#closer canvas").last.screenshot()  # noqa: E731
    before = picture()
    for _ in range(8):
        page.keyboard.press("ArrowUp")
    scrolled = picture()
    page.keyboard.press("p")
    assert len({before, scrolled, picture()}) == 3


def test_real_images_near_an_age_come_first(
    open_page: Open, serve: Serve, people: ImagesPane
) -> None:
    page = open_page(serve(people))
    drawn(page)
    assert "only this machine" in page.locator(".badge").text_content()
    oldest = round(max(float(age) for age in people._images.column("age")))
    page.get_by_label("Age", exact=True).fill(str(oldest))
    page.wait_for_function(
        "age => document.querySelector('.wall img').alt.includes(age)", arg=f"{oldest} years"
    )


def test_a_frozen_page_needs_no_server_and_its_sliders_move(
    open_page: Open, frozen: Callable[..., str], slices: ModelPane
) -> None:
    page = open_page(frozen(slices, images=2))
    before = sources(drawn(page))
    assert len(before) == 2
    page.get_by_label("Age", exact=True).fill("70")
    first_changes(page, before[0])
    page.get_by_role("radio", name="M", exact=True).check()
    page.wait_for_function("() => document.querySelector('.wall img').alt.endsWith(', M')")
    drawn(page).first.click()
    page.locator("#closer .stage img").wait_for()
    expect_accessible(page)


def test_a_frozen_page_shows_volumes_as_planes(open_page: Open, frozen: Callable[..., str]) -> None:
    pixels = np.random.default_rng(0).random((3, 1, 6, 8, 10), np.float32)
    info = {"channels": ["T1w"], "synthetic": True, "spacing_mm": [1, 1, 1]}
    images = Images(pixels, [{"image_id": f"{i}"} for i in range(3)], info)
    page = open_page(frozen(ImagesPane(images, "made")))
    drawn(page).first.click()
    shown = page.locator("#closer .stage img")
    size = shown.evaluate(
        "image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])"
    )
    assert size == [6 + 6 + 8, 10]
