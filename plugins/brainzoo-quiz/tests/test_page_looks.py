"""What the page looks like and how it is operated: sizes, pairs, volumes, accessibility."""

from __future__ import annotations

from pathlib import Path

import pytest

from brainzoo_quiz.study.answers import Answers

from .pages import DESKTOP, REASONS, TABLET, UPRIGHT, Open, Reader, make_study

PHONE = (390, 844)


def expect_accessible(reader: Reader) -> None:
    """Fail where axe-core finds a violation on what is shown now."""
    module = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = module.Axe().run(reader.page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


@pytest.mark.parametrize("size", [DESKTOP, UPRIGHT])
def test_no_screen_violates_the_rules_of_accessibility(
    open_page: Open, size: tuple[int, int]
) -> None:
    reader = open_page(make_study(reasons=REASONS, click=True, break_after=1), size)
    expect_accessible(reader)
    reader.agree()
    expect_accessible(reader)
    reader.introduce()
    expect_accessible(reader)
    reader.check_screen()
    expect_accessible(reader)
    reader.go_on("how")
    reader.ready(1)
    expect_accessible(reader)
    reader.press("r", "2", "Enter")
    reader.sees(".answered")
    expect_accessible(reader)
    reader.press("Enter")
    reader.go_on("rest")
    reader.ready(1, "Image")
    reader.press("r", "2", "Enter")
    reader.sees("#rest", "1 of 2 done")
    expect_accessible(reader)
    reader.go_on("rest")
    reader.ready(2)
    reader.press("r", "2", "Enter")
    reader.sees("#done")
    expect_accessible(reader)


@pytest.mark.parametrize(("size", "least"), [(DESKTOP, 780), (TABLET, 550), (UPRIGHT, 840)])
def test_the_image_is_as_large_as_the_screen_allows(
    open_page: Open, size: tuple[int, int], least: int
) -> None:
    reader = open_page(make_study(practice=0, reasons=REASONS, click=True), size)
    steps = (reader.agree, reader.introduce, reader.check_screen, lambda: reader.go_on("how"))
    for step in steps:
        assert reader.page.evaluate("document.documentElement.scrollWidth") <= size[0]
        step()
    reader.ready(1)
    canvas = reader.find(".frame canvas").first.bounding_box()
    assert canvas["height"] / canvas["width"] == pytest.approx(40 / 32, abs=0.01)
    assert canvas["height"] >= least
    panel = reader.find(".panel").bounding_box()
    assert panel["x"] + panel["width"] <= size[0]
    assert panel["y"] + panel["height"] <= size[1]
    hidden = "panel => panel.scrollHeight - panel.clientHeight"
    assert reader.find(".panel").evaluate(hidden) == 0
    beside = canvas["x"] + canvas["width"] <= panel["x"]
    assert beside or canvas["y"] + canvas["height"] <= panel["y"]


def test_the_page_follows_a_tablet_that_is_turned(open_page: Open) -> None:
    reader = open_page(make_study(practice=0, seconds=None), TABLET)
    reader.begin()
    reader.ready(1)
    reader.sees("#reading[data-panel=side]")
    reader.page.set_viewport_size({"width": UPRIGHT[0], "height": UPRIGHT[1]})
    reader.sees("#reading[data-panel=below]")
    canvas = reader.find(".frame canvas").first.bounding_box()
    assert canvas["height"] > 840
    assert reader.grey(0.3, 0.3)[3] == 255
    reader.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    panel = reader.find(".panel").bounding_box()
    assert panel["x"] + panel["width"] <= PHONE[0]


def test_pairs_are_answered_by_arrows_and_lie_side_by_side(open_page: Open, tmp_path: Path) -> None:
    study = make_study(design="2afc", practice=1)
    reader = open_page(study)
    reader.begin()
    reader.ready(1, "Practice")
    first, second = (reader.find(f".frame canvas >> nth={i}").bounding_box() for i in (0, 1))
    assert first["width"] == second["width"]
    assert first["y"] == second["y"]
    assert first["x"] + first["width"] <= second["x"]
    assert reader.grey(0.3, 0.3, 0) != reader.grey(0.3, 0.3, 1)
    reader.press("ArrowRight", "3")
    reader.sees(".answered", f"The {study.truth(1)} one is real.")
    reader.press("Enter")
    reader.go_on("rest")
    reader.ready(1, "Pair")
    reader.press("ArrowLeft", "5")
    reader.ready(2)
    reader.page.get_by_role("button", name="Second").click()
    reader.press("1")
    (tmp_path / "answers.json").write_text(reader.download(), encoding="utf-8")
    found = Answers.read(tmp_path / "answers.json")
    assert [one.answer for one in found.answers] == ["second", "first", "second"]
    assert [one.confidence for one in found.answers] == [3, 5, 1]


def test_pairs_without_confidence_are_answered_by_numbers_too(open_page: Open) -> None:
    reader = open_page(make_study(design="2afc", practice=0, confidence=False))
    reader.begin()
    reader.ready(1)
    reader.press("1")
    reader.ready(2)
    kept = reader.storage()["kept"][0]
    assert '"answer":"first"' in next(iter(kept.values()))


@pytest.mark.parametrize("part", ["", "#plain"])
def test_volumes_are_scrolled_and_turned(open_page: Open, part: str) -> None:
    reader = open_page(make_study(dims=3, practice=0, seconds=None), part=part)
    reader.begin()
    reader.ready(1)
    drawn = reader.page.evaluate("document.querySelectorAll('canvas.glass').length")
    webgl = reader.page.evaluate("!!document.createElement('canvas').getContext('webgl2')")
    assert drawn == int(webgl and not part)
    slices = reader.find(".slices output")
    reader.expect(slices).to_have_text("axial 7/12")
    reader.press("ArrowUp", "ArrowUp", "ArrowDown")
    reader.expect(slices).to_have_text("axial 8/12")
    reader.press("PageUp")
    reader.expect(slices).to_have_text("axial 12/12")
    canvas = reader.find(".frame:visible").bounding_box()
    reader.page.mouse.move(canvas["x"] + canvas["width"] * 0.3, canvas["y"] + canvas["height"] / 2)
    reader.page.mouse.wheel(0, -80)
    reader.expect(slices).to_have_text("axial 10/12")
    reader.press("p")
    reader.expect(slices).to_have_text("coronal 10/18")
    reader.find("input.slice").fill("3")
    reader.expect(slices).to_have_text("coronal 3/18")


def test_planes_show_what_the_volume_holds(open_page: Open) -> None:
    """Radiological convention: the patient's right is left, the front is up, feet are down."""
    reader = open_page(make_study(dims=3))
    script = """() => {
      const shape = [3, 4, 5];
      const values = Uint8Array.from({ length: 60 }, (_, i) => i);
      return ["axial", "coronal", "sagittal"].map((plane) => {
        const found = cut({ values, shape }, plane, 1);
        return [found.width, found.height, [...found.values]];
      });
    }"""
    shape, volume = (3, 4, 5), range(60)
    at = lambda x, y, z: volume[(x * shape[1] + y) * shape[2] + z]  # noqa: E731
    axial, coronal, sagittal = reader.page.evaluate(script)
    assert axial == [3, 4, [at(x, y, 1) for y in (3, 2, 1, 0) for x in (2, 1, 0)]]
    assert coronal == [3, 5, [at(x, 1, z) for z in (4, 3, 2, 1, 0) for x in (2, 1, 0)]]
    assert sagittal == [4, 5, [at(1, y, z) for z in (4, 3, 2, 1, 0) for y in (3, 2, 1, 0)]]


def test_a_scan_that_is_longer_one_way_keeps_its_shape(open_page: Open) -> None:
    reader = open_page(make_study())
    script = """image => {
      const viewer = new PictureViewer(document.createElement("canvas"), image);
      return viewer.fit(600, 600);
    }"""
    image = {"shape": [100, 50], "spacing_mm": [1, 3]}
    assert reader.page.evaluate(script, image) == {"width": 600, "height": 400}


def test_niivue_draws_the_same_voxels_at_the_same_places(open_page: Open) -> None:
    reader = open_page(make_study(dims=3, practice=0, seconds=None))
    if not reader.page.evaluate("!!document.createElement('canvas').getContext('webgl2')"):
        pytest.skip("this browser has no WebGL 2")
    # one bright eighth: right, front, top
    script = """async () => {
      const image = { dims: 3, shape: [8, 8, 8], spacing_mm: [2, 2, 2] };
      const bright = (_, i) => (i >> 6 > 3 && (i >> 3) % 8 > 3 && i % 8 > 3 ? 200 : 0);
      const values = Uint8Array.from({ length: 512 }, bright);
      const quarters = [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]];
      const seen = [];
      for (const kind of [NiivueViewer, PlanesViewer]) {
        const frame = document.body.appendChild(document.createElement("div"));
        const viewer = new kind(frame.appendChild(document.createElement("canvas")), image);
        if (viewer.attach) await viewer.attach();
        viewer.resize(610, 400);
        await viewer.open(values);
        if (viewer.glass) viewer.nv.drawScene();
        const copy = document.createElement("canvas");
        [copy.width, copy.height] = [610, 400];
        const context = copy.getContext("2d");
        context.drawImage(viewer.glass ?? viewer.canvas, 0, 0);
        seen.push(PLANES.flatMap((plane) => quarters.map(([u, v]) => {
          const { x, y, width, height } = viewer.places[plane];
          const place = [Math.round(x + u * width), Math.round(y + v * height)];
          return context.getImageData(...place, 1, 1).data[0];
        })));
      }
      return seen;
    }"""
    glass, plain = reader.page.evaluate(script)
    assert plain == [200, 0, 0, 0] * 3
    assert glass == plain


def test_a_graphics_card_that_goes_away_leaves_the_plain_view(open_page: Open) -> None:
    reader = open_page(make_study(dims=3, practice=0, seconds=None, confidence=False))
    if not reader.page.evaluate("!!document.createElement('canvas').getContext('webgl2')"):
        pytest.skip("this browser has no WebGL 2")
    reader.begin()
    reader.ready(1)
    assert reader.grey(0.3)[3] == 0  # niivue's canvas lies below
    reader.find("canvas.glass").evaluate(
        "glass => glass.getContext('webgl2').getExtension('WEBGL_lose_context').loseContext()"
    )
    reader.expect(reader.find("canvas.glass")).to_have_count(0)
    assert reader.grey(0.3)[3] == 255
    reader.press("ArrowUp")
    reader.expect(reader.find(".slices output")).to_have_text("axial 8/12")
    reader.press("r")
    reader.ready(2)
    assert reader.grey(0.3)[3] == 255
