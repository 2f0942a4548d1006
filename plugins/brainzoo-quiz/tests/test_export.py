"""A study folder: what is in it, what is not, and that it is complete or absent."""

import errno
import stat
from pathlib import Path

import numpy as np
import pytest

from brainzoo.common.errors import DataError, DiskError, ExistsError, OptionError
from brainzoo_quiz import exporter
from brainzoo_quiz.audit.writer import canonical
from brainzoo_quiz.statistics.trials import join
from brainzoo_quiz.study import package as packages
from brainzoo_quiz.study.key import Key
from brainzoo_quiz.study.package import Package, page_data, pixels, read_package
from brainzoo_quiz.study.sources import as_shown

from . import pools
from .conftest import make_answers


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
    assert "real images of" not in text  # nobody learns how many are real


def test_nothing_of_the_key_is_handed_out(made, opened):
    package, key = opened
    secret = [key.salt, *{source.images for case in key.cases for source in case.sources}]
    for path in handed_out(made):
        content = path.read_bytes()
        assert not any(word.encode() in content for word in secret), path
    found = [case.answer for case in package.cases if case.phase == "test"]
    assert found == [None] * 12
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
    for case in Key.read(tmp_path / "study" / "key.json").cases:
        if case.truth == "real":
            seen[case.phase].append(str(real.table[case.sources[0].row]["subject"]))
    assert not set(seen["practice"]) & set(seen["test"])
    assert len(set(seen["test"])) == len(seen["test"])
    sources = [c.sources for c in Key.read(tmp_path / "study" / "key.json").cases]
    assert len(set(sources)) == len(sources)


def test_classes_are_drawn_alike(tmp_path):
    classes = {"classes": ("young", "old")}
    real = pools.pool(tmp_path / "real", 40, **classes)
    created = pools.pool(tmp_path / "created", 60, created=True, **classes)
    pools.study(tmp_path / "study", real, created, images=24, practice=0)
    count: dict[tuple[str, str], int] = {}
    for case in Key.read(tmp_path / "study" / "key.json").cases:
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
    package, key = read_package(tmp_path / "paper"), Key.read(tmp_path / "paper" / "key.json")
    test = [case for case in key.cases if case.phase == "test"]
    assert (len(test), len(key.cases)) == (50, 60)
    assert 20 <= sum(case.truth == "created" for case in test) <= 30
    assert package.settings == packages.Settings(confidence=False, feedback=False)
    assert not any(case.repeated for case in test)

    pools.study(tmp_path / "default", real, created, **numbers, untimed=True)
    package, key = read_package(tmp_path / "default"), Key.read(tmp_path / "default" / "key.json")
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
    found = {exporter._wanted(config, random)["test"][1] for _ in range(300)}
    assert found == set(range(20, 31))


def test_a_seed_draws_the_same_images_under_new_tokens_in_another_order(both, made, tmp_path):
    pools.study(tmp_path / "again", *both, repeats=0.5, seed=7)
    keys = [Key.read(folder / "key.json") for folder in (made, tmp_path / "again")]
    drawn = [{(c.phase, c.truth, c.sources) for c in key.cases} for key in keys]
    assert drawn[0] == drawn[1]
    assert keys[0].salt != keys[1].salt
    assert keys[0].cases != keys[1].cases
    sessions = [{s.session for s in read_package(f).seats} for f in (made, tmp_path / "again")]
    assert not sessions[0] & sessions[1]


def test_two_alternatives_show_a_real_and_a_created_image(both, tmp_path):
    found = pools.study(tmp_path / "study", *both, design="2afc")
    assert (found["test"], found["practice"]) == (12, 4)
    package, key = read_package(tmp_path / "study"), Key.read(tmp_path / "study" / "key.json")
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
    assert package.image == packages.ImageShape(
        dims=3, shape=(16, 16, 16), spacing_mm=(12.0, 12.0, 12.0)
    )
    assert len(pixels(tmp_path / "study", package.cases[0].images[0])) == 16**3


def test_of_several_channels_readers_see_one_or_several_side_by_side(tmp_path):
    real = pools.pool(tmp_path / "real", 16, channels=2, labels=True)
    created = pools.pool(tmp_path / "created", 16, created=True, channels=2, labels=True)
    with pytest.raises(DataError, match="2 channels: T1w, T2w"):
        pools.study(tmp_path / "none", real, created)
    with pytest.raises(OptionError, match="no channel is named 'FLAIR'"):
        pools.study(tmp_path / "other", real, created, channels=("FLAIR",))
    for name, channels, width in (("one", ("T2w",), 32), ("both", ("T2w", "T1w"), 64)):
        pools.study(tmp_path / name, real, created, channels=channels)
        package = read_package(tmp_path / name)
        assert package.image.shape == (32, width)
        assert len(pixels(tmp_path / name, package.cases[0].images[0])) == 32 * width


def test_side_by_side_keeps_the_order_of_the_channels(tmp_path):
    images = pools.pool(tmp_path / "real", 4, channels=2)
    beside = as_shown(images, ("T2w", "T1w")).floats()
    np.testing.assert_array_equal(beside[:, 0, :, :32], images.floats()[:, 1])
    np.testing.assert_array_equal(beside[:, 0, :, 32:], images.floats()[:, 0])
    volumes = pools.pool(tmp_path / "volumes", 4, spatial=(16, 16, 16), channels=2)
    with pytest.raises(DataError, match="side by side"):
        as_shown(volumes, ("T2w", "T1w"))


def test_pages_too_large_for_a_browser_are_left_out(both, tmp_path, monkeypatch):
    monkeypatch.setattr(exporter, "MOST_PAGE_BYTES", 1000)
    found = pools.study(tmp_path / "study", *both)
    assert not found["pages"]
    assert not (tmp_path / "study" / "pages").exists()
    assert any("too large for a browser" in note for note in found["notes"])


def test_answers_of_the_study_are_scored_with_its_key(opened):
    package, key = opened
    sessions = []
    for seat in package.seats:
        sessions.append(make_answers(key, seat.reader, session=seat.session))
    assert (join(key, sessions).correct == 1).all()


def test_a_folder_that_is_there_is_kept(both, made):
    before = sorted(path.name for path in made.iterdir())
    with pytest.raises(ExistsError):
        pools.study(made, *both)
    assert sorted(path.name for path in made.iterdir()) == before


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_full_disk_or_an_interruption_leaves_nothing(both, tmp_path, monkeypatch, fault):
    write = packages.write

    def failing(package: Package, folder: Path, images: dict[str, bytes]) -> None:
        write(package, folder, dict([*images.items()][:9]))
        raise fault

    monkeypatch.setattr(packages, "write", failing)
    with pytest.raises(DiskError if isinstance(fault, OSError) else KeyboardInterrupt):
        pools.study(tmp_path / "study", *both)
    assert list(tmp_path.iterdir()) == []


def test_too_few_images_say_how_many(both, tmp_path):
    with pytest.raises(DataError, match=r"there are 60 \w+ images; the study needs"):
        pools.study(tmp_path / "study", *both, images=200)
