"""Small studies, and a person who reads them in a browser."""

from __future__ import annotations

import dataclasses
import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from brainzoo_quiz.reader import static_page
from brainzoo_quiz.study.key import DESIGNS, Case, Key
from brainzoo_quiz.study.package import (
    ImageShape,
    Package,
    PackagedCase,
    Place,
    Seat,
    Settings,
    write,
)

SHAPES = {2: (40, 32), 3: (14, 18, 12)}
REASONS = ("blurred", "odd anatomy")
DESKTOP, TABLET, UPRIGHT = (1280, 800), (1024, 768), (820, 1180)

SQUARES = """id => {
  const row = document.getElementById(id).getContext("2d").getImageData(0, 80, 480, 1).data;
  let count = 0;
  for (let x = 1; x < 480; x += 1) count += row[4 * x] !== row[0] && row[4 * x - 4] === row[0];
  return String(count);
}"""

BEGIN = """async () => {
  const shown = (id) => !document.getElementById(id).hidden;
  const pause = () => new Promise((done) => { setTimeout(done, 10); });
  document.getElementById("consent").checked = true;
  for (const id of ["welcome", "about", "device", "how"]) {
    while (!shown(id)) await pause();
    if (id === "about") {
      document.getElementById("group").value = "neuroradiologist";
      document.getElementById("years").value = "12";
    }
    document.querySelectorAll(`#${id} input[type=radio]`).forEach((one) => { one.checked = true; });
    while (shown(id)) {
      document.querySelector(`#${id} form`).requestSubmit();
      await pause();
    }
  }
}"""


@dataclasses.dataclass(frozen=True)
class Study:
    """A study as its owner has it."""

    key: Key
    package: Package
    images: dict[str, bytes]

    @property
    def seat(self) -> Seat:
        return self.package.seats[0]

    def truth(self, position: int) -> str:
        """Return what is true of the image at a position."""
        case, _ = self.key.tokens(self.seat.session)[self.seat.order[position - 1].token]
        return case.truth

    def html(self) -> str:
        """Return the first reader's static page."""
        return static_page(self.package, self.seat, self.images)

    def save(self, folder: Path) -> Path:
        """Write what a server needs."""
        write(self.package, folder, self.images)
        return folder


def make_study(
    *,
    design: str = "yes-no",
    dims: int = 2,
    tests: int = 2,
    practice: int = 1,
    repeats: int = 0,
    title: str = "A small study",
    **settings: Any,
) -> Study:
    """Return a study of noise: truths in turn, the first so many of the test shown twice."""
    words, per = DESIGNS[design], 2 if design == "2afc" else 1
    phases = ["practice"] * practice + ["test"] * tests
    twice = range(practice, practice + repeats)
    cases = [
        Case(case=f"ward7-{i:03d}", truth=words[i % 2], phase=phase, repeated=i in twice)
        for i, phase in enumerate(phases)
    ]
    key = Key.new(title, tuple(cases), design)
    random = np.random.default_rng(3)
    shape = SHAPES[dims]
    images = {}
    packaged = []
    for case in cases:
        names = tuple(secrets.token_hex(16) for _ in range(per))
        for name in names:
            images[name] = random.integers(1, 255, shape, dtype=np.uint8).tobytes()
        answer = case.truth if case.phase == "practice" else None
        packaged.append(PackagedCase(case=case.case, phase=case.phase, images=names, answer=answer))
    session = secrets.token_hex(16)
    order = sorted(key.tokens(session).items(), key=lambda one: one[1][0].phase)
    places = tuple(Place(token=token, case=case.case) for token, (case, _) in order)
    seat = Seat(reader="R1", session=session, order=places)
    package = Package(
        study=key.study,
        title=title,
        design=design,
        commitment=key.commitment,
        preset="default",
        settings=Settings(**settings),
        image=ImageShape(dims=dims, shape=shape, spacing_mm=(2.0,) * dims),
        cases=tuple(packaged),
        seats=(seat,),
    )
    return Study(key, package, images)


class Served:
    """The real server in a thread; ``later`` moves its clock."""

    def __init__(self, study: Study, folder: Path) -> None:
        import uvicorn

        from brainzoo_quiz.server import running
        from brainzoo_quiz.server.address import address
        from brainzoo_quiz.server.admission import owner_token, prepare
        from brainzoo_quiz.server.app import application
        from brainzoo_quiz.server.database import FILE, open_database
        from brainzoo_quiz.server.service import Service
        from brainzoo_quiz.server.tables import milliseconds

        study.save(folder)
        self.later = 0
        self.listening = running.listen("127.0.0.1", 0)
        at = address("127.0.0.1", self.listening.getsockname()[1])
        self.engine = open_database(str(folder / FILE), create=True)
        invitations = prepare(self.engine, study.package, folder)
        own = {"folder": folder, "address": at, "owner_token": owner_token(folder)}
        service = Service(self.engine, study.package, **own)
        service.now = lambda: milliseconds() + self.later
        self.url = at.url
        self.invitation = f"{at.url}/join/{invitations['R1']}"
        config = uvicorn.Config(
            application(service), http="h11", ws="none", lifespan="off", log_config=None
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listening]})
        self.thread.start()

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(timeout=30)
        self.listening.close()
        self.engine.dispose()


class Reader:
    """Somebody at a page."""

    def __init__(self, page: Any) -> None:
        from playwright.sync_api import expect

        self.page = page
        expect.set_options(timeout=30_000)
        self.expect = expect
        self.keyboard = page.keyboard

    def find(self, selector: str) -> Any:
        return self.page.locator(selector)

    def sees(self, selector: str, text: str | None = None) -> None:
        """Wait until something is there."""
        self.expect(self.find(selector)).to_be_visible()
        if text is not None:
            self.expect(self.find(selector)).to_contain_text(text)

    def go_on(self, screen: str) -> None:
        """Press the button of a screen."""
        self.sees(f"#{screen}")
        self.find(f"#{screen} button[type=submit]").click()

    def agree(self) -> None:
        self.sees("#welcome")
        self.find("#consent").check()
        self.go_on("welcome")

    def introduce(self) -> None:
        self.sees("#about")
        self.find("#group").select_option("neuroradiologist")
        self.find("#years").fill("12")
        self.go_on("about")

    def check_screen(self) -> None:
        self.sees("#device")
        for name in ("dark", "light"):
            count = self.page.evaluate(SQUARES, f"{name}-pattern")
            self.find(f"input[name={name}][value='{count}']").check()
        self.go_on("device")

    def begin(self) -> None:
        """Come from consent to the first image, quickly."""
        self.sees("#welcome")
        self.page.evaluate(BEGIN)

    def begin_by_hand(self) -> None:
        """Likewise, as people do."""
        self.agree()
        self.introduce()
        self.check_screen()
        self.go_on("how")

    def ready(self, number: int, phase: str = "") -> None:
        """Wait until an image is asked about."""
        self.sees("#reading[data-asks=yes]")
        self.expect(self.find(".number")).to_have_text(str(number))
        if phase:
            self.expect(self.find(".phase")).to_have_text(phase)

    def catch_up(self) -> None:
        """Reload as soon as what another tab stored has reached this one's process."""
        stored = 'Object.keys(localStorage).some((name) => !name.endsWith(":probe"))'
        self.page.wait_for_function(stored)
        self.page.reload()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.keyboard.press(key)

    def download(self) -> str:
        """Take the answers file, as text."""
        self.sees("#done")
        with self.page.expect_download() as found:
            self.find("#download").click()
        return Path(found.value.path()).read_text(encoding="utf-8")

    def storage(self) -> dict[str, Any]:
        """Return what the browser keeps."""
        text = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
        return {"kept": json.loads(self.page.evaluate(text))}

    def grey(self, x: float = 0.5, y: float = 0.5, frame: int = 0) -> list[int]:
        """Return the colour on a canvas at fractions of its size."""
        script = """([frame, x, y]) => {
          const canvas = document.querySelectorAll(".frame canvas:not(.glass)")[frame];
          const place = [Math.floor(canvas.width * x), Math.floor(canvas.height * y), 1, 1];
          return [...canvas.getContext("2d").getImageData(...place).data];
        }"""
        found: list[int] = self.page.evaluate(script, [frame, x, y])
        return found


Open = Callable[..., Reader]


@contextmanager
def opener(browser: Any, folder: Path) -> Iterator[Open]:
    """Yield a function that opens a page; pages must stay silent, and static ones alone."""
    contexts: list[Any] = []
    trouble: list[str] = []

    def heard(text: str) -> None:
        # a slow graphics card; readbacks and failing requests are these tests' own doing
        harmless = ("GL Driver Message", "willReadFrequently", "Failed to load resource")
        if not any(word in text for word in harmless):
            trouble.append(text)

    def watch(page: Any, own: str) -> None:
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("console", lambda message: heard(message.text))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((own, "data:", "blob:"))
                else trouble.append(request.url)
            ),
        )

    def open_page(
        study: Study | None = None,
        size: tuple[int, int] = DESKTOP,
        *,
        address: str = "",
        part: str = "",
        script: str = "",
        clock: bool = False,
        again: Reader | None = None,
        **kind: Any,
    ) -> Reader:
        if study is not None:
            path = folder / f"{study.key.study}.html"
            path.write_text(study.html(), encoding="utf-8")
            address = path.as_uri()
        if again is None:
            viewport = {"width": size[0], "height": size[1]}
            contexts.append(browser.new_context(viewport=viewport, **kind))
            contexts[-1].set_default_timeout(30_000)
        context = contexts[-1] if again is None else again.page.context
        if script:
            context.add_init_script(script)
        if clock:
            context.clock.install(time=1_800_000_000)
        page = context.new_page()
        watch(page, address if study else "/".join(address.split("/")[:3]))
        page.goto(f"{address}{part}")
        return Reader(page)

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []
