"""A study folder: what is in it, what is not, and that it is complete or absent."""

import dataclasses
import errno
import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from brainzoo.cli import main
from brainzoo.errors import BrainzooError, DataError, DiskError, ExistsError, IntegrityError
from brainzoo.exporters.config import PngConfig
from brainzoo.exporters.png import Png
from brainzoo.images import Images
from brainzoo_quiz import exact, exporting
from brainzoo_quiz import package as packages
from brainzoo_quiz.answers import Answer, Answers
from brainzoo_quiz.package import Package, page_data, pixels, read_package
from brainzoo_quiz.study import Key, read_key
from brainzoo_quiz.trials import join
from brainzoo_quiz.writer import canonical

from . import pools

MOMENT = "2026-01-31T12:00:00Z"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Images, Images]:
    folder = tmp_path_factory.mktemp("pools")
    return pools.pool(folder / "real", 60), pools.pool(folder / "created", 60, created=True)


@pytest.fixture(scope="module")
def made(both, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of twelve images, half of them shown twice."""
    folder = tmp_path_factory.mktemp("made") / "study"
    pools.study(folder, *both, repeats=0.5, seed=7)
    return folder


@pytest.fixture
def opened(made: Path) -> tuple[Package, Key]:
    return read_package(made), read_key(made / "key.json")


def handed_out(folder: Path) -> list[Path]:
    parts = (folder / "server", folder / "pages")
    return [path for part in parts for path in part.rglob("*") if path.is_file()]


def test_the_key_is_the_owners(made):
    for name in ("key.json", "audit.json"):
        assert stat.S_IMODE((made / name).stat().st_mode) == 0o600
    assert {p.name for p in made.iterdir()} == {
        *("key.json", "audit.json", "README.txt", ".gitignore", "server", "pages"),
    }
    assert "*" in (made / ".gitignore").read_text().split("\n")
    assert len(list((made / "pages").glob("reader-0?/index.html"))) == 3
    text = (made / "README.txt").read_text()
    assert read_package(made).commitment in text
    assert "real images of" not in text  # how many are real is told to nobody


def test_nothing_of_the_key_is_handed_out(made, opened):
    package, key = opened
    secret = [key.salt, *{source.images for case in key.cases for source in case.sources}]
    for path in handed_out(made):
        content = path.read_bytes()
        assert not any(word.encode() in content for word in secret), path
    told = [case.answer for case in package.cases if case.phase == "test"]
    assert told == [None] * 12
    for seat in package.seats:
        for trial in page_data(package, seat)["trials"]:
            assert ("answer" in trial) == (trial["phase"] == "practice")
        assert set(page_data(package, seat, "server")["trials"][0]) == {"position", "phase"}


def test_every_reader_sees_every_case_under_own_tokens_in_an_own_order(opened):
    package, key = opened
    for seat in package.seats:
        known = key.tokens(seat.session)
        shown = [known[place.token] for place in seat.order]
        assert len(shown) == len(known) == 4 + 12 + 6
        assert [case.case for case, _ in shown] == [place.case for place in seat.order]
        assert [case.phase for case, _ in shown] == ["practice"] * 4 + ["test"] * 18
        for case, showing in shown:
            if showing == 2:
                assert shown.index((case, 1)) < 4 + 6 <= shown.index((case, 2))
    assert len({tuple(p.case for p in seat.order) for seat in package.seats}) == 3
    assert len({p.token for seat in package.seats for p in seat.order}) == 3 * 22


def test_images_are_those_that_the_key_names_written_alike(made, opened, both):
    package, key = opened
    folders = {images.fingerprint: images for images in both}
    for case, packed in zip(key.cases, package.cases, strict=True):
        (source,), (name,) = case.sources, packed.images
        assert folders[source.images].synthetic == (case.truth == "created")
        written = canonical(folders[source.images].floats([source.row])[0, 0])
        assert pixels(made, name) == written.tobytes()


def test_real_images_are_of_different_subjects_and_practice_is_apart(tmp_path):
    real = pools.pool(tmp_path / "several", 20, per_subject=4)
    created = pools.pool(tmp_path / "created", 10, created=True, per_subject=4)
    pools.study(tmp_path / "study", real, created, images=20, practice=6)
    seen: dict[str, list[str]] = {"practice": [], "test": []}
    for case in read_key(tmp_path / "study" / "key.json").cases:
        if case.truth == "real":
            seen[case.phase].append(str(real.table[case.sources[0].row]["subject"]))
    assert not set(seen["practice"]) & set(seen["test"])
    assert len(set(seen["test"])) == len(seen["test"])
    sources = [c.sources for c in read_key(tmp_path / "study" / "key.json").cases]
    assert len(set(sources)) == len(sources)


def test_classes_are_drawn_alike(tmp_path):
    classes = {"classes": ("young", "old")}
    real = pools.pool(tmp_path / "real", 40, **classes)
    created = pools.pool(tmp_path / "created", 60, created=True, **classes)
    pools.study(tmp_path / "study", real, created, images=24, practice=0)
    count: dict[tuple[str, str], int] = {}
    for case in read_key(tmp_path / "study" / "key.json").cases:
        images = created if case.truth == "created" else real
        group = (case.truth, str(images.table[case.sources[0].row]["class"]))
        count[group] = count.get(group, 0) + 1
    for kind in ("real", "created"):
        share = count[kind, "young"] / (count[kind, "young"] + count[kind, "old"])
        other = {"real": "created", "created": "real"}[kind]
        of_other = count[other, "young"] / (count[other, "young"] + count[other, "old"])
        assert abs(share - of_other) <= 0.1


def test_the_presets(both, tmp_path):
    numbers = {"images": None, "practice": None, "readers": 2}
    real, created = both
    pools.study(tmp_path / "paper", real, created, preset="kazuhiro2018", **numbers)
    package, key = read_package(tmp_path / "paper"), read_key(tmp_path / "paper" / "key.json")
    test = [case for case in key.cases if case.phase == "test"]
    assert (len(test), len(key.cases)) == (50, 60)
    assert 20 <= sum(case.truth == "created" for case in test) <= 30
    assert package.settings == packages.Settings(10, False, (), False, False, None)
    assert not any(case.repeated for case in test)

    pools.study(tmp_path / "default", real, created, **numbers, untimed=True)
    package, key = read_package(tmp_path / "default"), read_key(tmp_path / "default" / "key.json")
    test = [case for case in key.cases if case.phase == "test"]
    assert len(test) == 60
    assert 27 <= sum(case.truth == "created" for case in test) <= 33
    assert sum(case.repeated for case in test) == 6
    assert (package.settings.seconds, package.settings.confidence) == (None, True)
    assert package.settings.reasons


def test_the_share_of_created_images_varies(both):
    from brainzoo_quiz.config import QuizConfig

    config = QuizConfig(preset="kazuhiro2018")
    random = np.random.default_rng(0)
    found = {exporting._wanted(config, random)["test"].created for _ in range(300)}
    assert found == set(range(20, 31))


def test_a_seed_draws_the_same_images_under_new_tokens_in_another_order(both, made, tmp_path):
    pools.study(tmp_path / "again", *both, repeats=0.5, seed=7)
    keys = [read_key(folder / "key.json") for folder in (made, tmp_path / "again")]
    drawn = [{(c.phase, c.truth, c.sources) for c in key.cases} for key in keys]
    assert drawn[0] == drawn[1]
    assert keys[0].salt != keys[1].salt
    assert keys[0].cases != keys[1].cases
    sessions = [{s.session for s in read_package(f).seats} for f in (made, tmp_path / "again")]
    assert not sessions[0] & sessions[1]


def test_two_alternatives_show_a_real_and_a_created_image(both, tmp_path):
    found = pools.study(tmp_path / "study", *both, design="2afc")
    assert (found["test"], found["practice"]) == (12, 4)
    package, key = read_package(tmp_path / "study"), read_key(tmp_path / "study" / "key.json")
    truths = [case.truth for case in key.cases if case.phase == "test"]
    assert truths.count("first") == truths.count("second") == 6
    for case in key.cases:
        real_first = case.sources[0].images == both[0].fingerprint
        assert case.truth == ("first" if real_first else "second")
        assert case.sources[0].images != case.sources[1].images
    assert all(len(case.images) == 2 for case in package.cases)


def test_volumes(tmp_path):
    real = pools.pool(tmp_path / "real", 16, spatial=(16, 16, 16))
    created = pools.pool(tmp_path / "created", 16, created=True, spatial=(16, 16, 16))
    pools.study(tmp_path / "study", real, created, readers=1)
    package = read_package(tmp_path / "study")
    assert package.image == packages.ImageShape(3, (16, 16, 16), (12.0, 12.0, 12.0))
    assert len(pixels(tmp_path / "study", package.cases[0].images[0])) == 16**3


def test_pages_too_large_for_a_browser_are_left_out(both, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "MOST_PAGE_BYTES", 1000)
    found = pools.study(tmp_path / "study", *both)
    assert not found["pages"]
    assert not (tmp_path / "study" / "pages").exists()
    assert any("too large for a browser" in note for note in found["notes"])


def test_answers_of_the_study_are_scored_with_its_key(opened):
    package, key = opened
    sessions = []
    for seat in package.seats:
        shown = [key.tokens(seat.session)[place.token] for place in seat.order]
        answers = tuple(
            Answer(i, place.token, case.phase, case.truth, 3, 900, MOMENT)
            for i, (place, (case, _)) in enumerate(zip(seat.order, shown, strict=True), 1)
        )
        who = (package.study, package.commitment, seat.session, seat.reader)
        sessions.append(Answers(*who, "", None, MOMENT, MOMENT, answers))
    assert (join(key, sessions).correct == 1).all()


def test_exchanged_labels_change_nothing_but_pixels_commitment_and_practice(made, opened):
    package, key = opened
    names = {case.case: case.images for case in package.cases}
    orders = tuple(tuple((key.tokens(s.session)[p.token][0].case, key.tokens(s.session)[p.token][1])
                         for p in s.order) for s in package.seats)  # fmt: skip
    hidden = exporting.Secrets(names, tuple(s.session for s in package.seats), orders)
    other = exporting.make_package(
        exact.exchanged(key),
        hidden,
        preset=package.preset,
        settings=package.settings,
        image=package.image,
    )
    exact.expect_same_package(package, other)
    first, second = package.content(), other.content()
    assert {name for name in first if first[name] != second[name]} == {"commitment", "cases"}
    assert first["seats"] == second["seats"]


def test_a_page_that_depends_on_labels_is_refused(both, tmp_path, monkeypatch):
    plain = exact.static_page

    def leaking(data: Any, shown: Any) -> str:
        return plain(data, shown) + hashlib.sha256(repr(shown).encode()).hexdigest()

    monkeypatch.setattr(exact, "static_page", leaking)
    with pytest.raises(DataError, match="leak: pages: they differ at character") as caught:
        pools.study(tmp_path / "study", *both)
    assert caught.value.exit_code == 9


def test_a_package_that_depends_on_labels_is_refused(both, tmp_path, monkeypatch):
    plain = exporting.make_package

    def leaking(key: Key, *more: Any, **options: Any) -> Package:
        truths = {case.case: case.truth for case in key.cases}
        package = plain(key, *more, **options)
        cases = sorted(package.cases, key=lambda case: truths[case.case])
        return dataclasses.replace(package, cases=tuple(cases))

    monkeypatch.setattr(exporting, "make_package", leaking)
    with pytest.raises(DataError, match=r"leak: study\.json: cases differ when labels"):
        pools.study(tmp_path / "study", *both)
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda p: p.write_bytes(p.read_bytes() + b"0"), "leak: length of image files"),
        (lambda p: p.chmod(0o600), "leak: mode of image files"),
        (lambda p: p.touch(), "leak: time of image files"),
        (lambda p: p.rename(p.with_name("real.raw")), "leak: names of image files"),
    ],
)
def test_a_file_that_differs_is_refused(both, tmp_path, monkeypatch, spoil, said):
    plain = exact.expect_clean_folder

    def spoiled(folder: Path, package: Package, key: Key) -> None:
        spoil(next(iter((folder / "server" / "images").iterdir())))
        plain(folder, package, key)

    monkeypatch.setattr(exact, "expect_clean_folder", spoiled)
    with pytest.raises(DataError, match=said):
        pools.study(tmp_path / "study", *both)
    assert list(tmp_path.iterdir()) == []


def test_a_page_with_the_salt_in_it_is_refused(made, opened):
    package, key = opened
    other = dataclasses.replace(key, salt=package.study)  # what the pages do hold
    exact.expect_clean_folder(made, package, key)
    with pytest.raises(DataError, match="it holds the key's salt"):
        exact.expect_clean_folder(made, package, other)


def test_a_folder_that_is_there_is_kept(both, made):
    before = sorted(path.name for path in made.iterdir())
    with pytest.raises(ExistsError):
        pools.study(made, *both)
    assert sorted(path.name for path in made.iterdir()) == before


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_full_disk_or_an_interruption_leaves_nothing(both, tmp_path, monkeypatch, fault):
    written = []

    def failing(package: Package, folder: Path, image: str, content: bytes) -> None:
        written.append(image)
        if len(written) == 9:
            raise fault
        packages.write_pixels(package, folder, image, content)

    monkeypatch.setattr(exporting, "write_pixels", failing)
    with pytest.raises(DiskError if isinstance(fault, OSError) else KeyboardInterrupt):
        pools.study(tmp_path / "study", *both)
    assert list(tmp_path.iterdir()) == []


def test_too_few_images_say_how_many(both, tmp_path):
    with pytest.raises(DataError, match=r"there are 60 \w+ images; the study needs"):
        pools.study(tmp_path / "study", *both, images=200)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    pools.pool(tmp_path / "real", 100)  # a fifth is the test split
    pools.pool(tmp_path / "created", 20, created=True)
    return tmp_path / "real", tmp_path / "created"


def run(*words: object) -> tuple[int, str, str]:
    found = CliRunner().invoke(main, [str(word) for word in ("quiz", "export", *words)])
    return found.exit_code, found.stdout, found.stderr


SMALL = ("--images", 12, "--practice", 4, "--readers", 2)


def test_the_command(folders, tmp_path):
    real, created = folders
    code, out, err = run(real, created, "--out", tmp_path / "study", *SMALL, "--title", "Heads")
    assert (code, err.count("warning")) == (0, 0), err
    assert "Leak audit on 20 real images of 20 subjects and 20 created ones" in out
    assert "JPEG blocks" in out
    assert out.splitlines()[-1] == str(tmp_path / "study")
    package = read_package(tmp_path / "study")
    assert package.title == "Heads"
    rows = {c.sources[0].row for c in read_key(tmp_path / "study" / "key.json").cases
            if c.truth == "real"}  # fmt: skip
    table = Images.open(real).table
    assert {table[row]["split"] for row in rows} == {"test"}


def test_plain_folders_of_pictures(both, tmp_path):
    """The subject of a picture is its name's; nothing says how they were made, and that is said."""
    for name, images in zip(("people", "machine"), both, strict=True):
        Png(PngConfig(grid_images=0)).export(images[:30], tmp_path / name)
    folders = [tmp_path / name / "images" for name in ("people", "machine")]
    code, out, err = run(*folders, "--out", tmp_path / "study", *SMALL)
    assert code == 0, err
    assert "do not say how their images were prepared" in " ".join(out.split())
    assert "30 real images of 30 subjects" in out


def test_the_command_in_json(folders, tmp_path):
    code, out, _ = run(*folders, "--out", tmp_path / "study", *SMALL, "--json")
    data = json.loads(out)["data"]
    assert code == 0
    assert (data["test"], data["practice"], data["readers"]) == (12, 4, 2)
    assert data["commitment"] == read_package(tmp_path / "study").commitment
    assert data["audit"]["pool"] == {"real": 20, "created": 20, "subjects": 20}


def test_the_command_refuses_a_leak_with_its_table(folders, tmp_path):
    real, created = folders
    spoiled = pools.spoiled(Images.open(created), pools.darker).save(tmp_path / "spoiled")
    code, out, err = run(real, spoiled.folder, "--out", tmp_path / "study", *SMALL)
    assert (code, out) == (9, "")
    assert "brainzoo: leak: real and created images can be told apart" in err
    assert "grey levels" in err
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nowhere", "nowhere"), 3, "there is no folder nowhere"),
        (("{created}", "{real}"), 9, "the real images were made by a generator"),
        (("{real}",), 9, "is no run, and no created images are named"),
        (("{real}", "{created}", "--title", " "), 2, "title must be one line"),
        (("{real}", "{created}", "--preset", "none"), 2, "preset"),
    ],
)
def test_what_cannot_be_is_one_line(folders, tmp_path, words, code, said):
    named = dict(zip(("real", "created"), folders, strict=True))
    found = run(*(word.format(**named) for word in words), "--out", tmp_path / "study", *SMALL)
    assert found[0] == code
    assert said in found[2]
    assert not (tmp_path / "study").exists()


WRONG = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.floats(0, 2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=3,
)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_change_to_the_study_file_is_read_strictly(made, data):
    """Something is put in place of any value: it is read as what it says, or is one clear line."""
    content = json.loads((made / "server" / "study.json").read_text())
    holder: Any = content
    while True:
        name = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict)
                                         else range(len(holder))))  # fmt: skip
        inside = holder[name]
        if not isinstance(inside, dict | list) or not inside or data.draw(st.booleans()):
            break
        holder = inside
    holder[name] = data.draw(WRONG)
    try:
        packages.expect_study(content, "study.json")
        again = packages._package(content).content()
    except BrainzooError as error:
        assert "\n" not in str(error)  # noqa: PT017 (either outcome is right)
    else:
        assert again == content


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["cases"][-1].update(answer="real"), "case 16: 'answer' is unknown"),
        (lambda c: c.update(truth=[]), "'truth' is unknown"),
        (lambda c: c["seats"][1]["order"].pop(), "seat 2 shows other cases than seat 1"),
        (lambda c: c["seats"][0]["order"].reverse(), "shows practice after the test began"),
        (lambda c: c["image"].update(bytes=5), "'bytes' cannot be 5"),
        (lambda c: c["cases"][0].update(images=["ab" * 16] * 2), "has 2 images; expected 1"),
        (lambda c: c["seats"][1].update(session=c["seats"][0]["session"]), "the same session"),
        (lambda c: c.update(schema=2), "schema 2; this version reads 1"),
    ],
)
def test_what_is_wrong_with_a_study_is_said(made, change, said):
    content = json.loads((made / "server" / "study.json").read_text())
    change(content)
    with pytest.raises(BrainzooError) as caught:
        packages.expect_study(content, "study.json")
    assert said in str(caught.value)


def test_missing_and_short_images_are_said(made, opened, tmp_path):
    import shutil

    shutil.copytree(made / "server", tmp_path / "server")
    name = opened[0].cases[0].images[0]
    path = tmp_path / "server" / "images" / f"{name}.raw"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IntegrityError, match="has 1023 bytes; expected 1024"):
        read_package(tmp_path)
    path.unlink()
    with pytest.raises(IntegrityError, match="is missing"):
        read_package(tmp_path / "server")
    with pytest.raises(BrainzooError, match="has no image"):
        pixels(tmp_path, "../study.json")
