"""What the page says, and that whatever a run folder lacks or breaks is said and not fatal."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from brainzoo.checkpoint import public_command
from brainzoo.common.errors import ExistsError
from brainzoo.data.images import Images
from brainzoo.plugin.options import make_config
from brainzoo.testing.heads import SUBJECT, make_images
from brainzoo_report.config import ReportConfig
from brainzoo_report.exporter import Report
from brainzoo_report.plugin import brainzoo_exporters

Make = Callable[..., Path]


def page_of(run: Path, images: Images | None = None, **options: object) -> str:
    report = Report(ReportConfig(**options))
    images = Images.open(run / "samples") if images is None else images
    (path,) = report.export(images, run / "report", run=run)
    assert path == run / "report" / "index.html"
    return path.read_text(encoding="utf-8")


def text_of(page: str) -> str:
    """Return the words of a page with single blanks."""
    page = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def missing(page: str) -> str:
    return text_of(page.partition('<ul id="missing">')[2].partition("</ul>")[0])


def test_the_page_tells_what_was_run(make_run: Make) -> None:
    page = page_of(make_run())
    text = text_of(page)
    assert "dcgan learned from 96 axial T1w slices of 24 people, and then made 70 new" in text
    assert "brainzoo run dcgan --data ixi --preset quick --seed 1" in text
    assert "20 November 2026, 13:47 UTC" in text
    assert "CC BY-SA 3.0" in text
    assert "age &lt; 35" in text
    assert "8 min 10 s" in text, "the stages together"
    assert "11.8 to 12.9" in text, "the interval"
    assert 'id="missing"' not in page


def test_one_file_without_any_address_to_load(make_run: Make) -> None:
    page = page_of(make_run())
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    sources = re.findall(r'src="([^"]*)"', page)
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)


def test_both_grids_hold_as_many_images_and_the_same_pixels_a_side(make_run: Make) -> None:
    run = make_run()
    page = page_of(run, Images.open(run / "samples")[:37])
    sizes = re.findall(r'width="(\d+)" height="(\d+)" alt="Grid of', page)
    assert len(sizes) == 2
    assert sizes[0] == sizes[1]
    assert "32 of the images it learned from" in text_of(page)
    assert "the first 32 it made" in text_of(page)


def test_it_says_that_scans_of_people_are_shown(make_run: Make) -> None:
    text = text_of(page_of(make_run()))
    assert "Contains real slices." in text
    assert "not for publication unless their licence (CC BY-SA 3.0) allows it" in text


def test_real_images_can_be_left_out_everywhere(make_run: Make) -> None:
    run = make_run()
    page = page_of(run, real=False)
    shown = [base64.b64decode(code) for code in re.findall(r"base64,([^\"]+)", page)]
    assert 'id="real"' not in page
    assert "IXI500" not in page
    assert "nearest neighbours" not in page, "an evaluator's picture may show real images"
    assert (run / "progress" / "real.png").read_bytes() not in shown
    assert "Contains real slices" not in page
    assert "Real and synthetic" not in page
    assert "omitted from this page on request" in text_of(page)


def test_no_subject_is_named(make_run: Make) -> None:
    assert SUBJECT not in page_of(make_run())


def test_simulated_data_are_called_so_in_titles(make_run: Make, tmp_path: Path) -> None:
    run = make_run()
    made = make_images(tmp_path / "made", subjects=70, per_subject=1, synthetic=True)
    page = page_of(run, made)
    assert "<title>SIMULATED" in page
    assert "Training images, SIMULATED" in page
    assert "Synthetic, of SIMULATED data" in page
    assert "Contains real slices" not in page
    assert "of 24 simulated heads" in page


def test_prepared_data_that_are_gone_give_way_to_the_kept_grid(
    make_run: Make, tmp_path: Path
) -> None:
    run = make_run()
    shutil.rmtree(tmp_path / "home")
    page = page_of(run)
    assert 'id="real"' in page
    assert 'id="synthetic"' in page
    assert "prepared data of this run are not on this machine" in missing(page)


def test_without_any_real_image_synthetic_ones_stand_alone(make_run: Make, tmp_path: Path) -> None:
    run = make_run()
    shutil.rmtree(tmp_path / "home")
    (run / "progress" / "real.png").unlink()
    page = page_of(run)
    assert 'id="real"' not in page
    assert 'id="synthetic"' in page
    assert "Real images cannot be shown" in page
    assert "Contains real slices" in page, "the pictures of evaluators may show people"
    (run / "evaluation.json").unlink()
    shutil.rmtree(run / "report", ignore_errors=True)
    assert "Contains real slices" not in page_of(run)


def test_other_prepared_data_are_never_taken_for_those_of_the_run(make_run: Make) -> None:
    run = make_run(data={"name": "ixi", "fingerprint": "0" * 64})
    assert "not on this machine" in missing(page_of(run))


def test_a_run_without_samples_shows_the_film_and_says_so(make_run: Make) -> None:
    run = make_run()
    page = page_of(run, Images.open(run / "samples")[:0])
    assert "has made no images yet" in missing(page)
    assert "made at the end of training" in page


def test_a_line_that_was_cut_short_is_left_out(make_run: Make) -> None:
    run = make_run()
    with (run / "stats.jsonl").open("a") as file:
        file.write('{"step": 2010, "images": 4')
    page = page_of(run)
    assert "1 line of stats.jsonl is cut short" in missing(page)
    assert 'id="verdict"' in page


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("stats.jsonl", "losses cannot be shown"),
        ("run.yaml", "settings are unknown"),
        ("progress", "the film cannot be shown"),
    ],
)
def test_what_is_missing_is_said(make_run: Make, name: str, said: str) -> None:
    run = make_run()
    path = run / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert said in missing(page_of(run))


@pytest.mark.parametrize("name", ["stats.jsonl", "run.yaml", "evaluation.json"])
@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\x00", b"[" * 3000, b"null", b"[1, 2]", b'{"images": "many"}', b"a: &a [*a]"],
)
def test_broken_files_never_stop_the_page(make_run: Make, name: str, content: bytes) -> None:
    run = make_run()
    (run / name).write_bytes(content)
    assert "</html>" in page_of(run)


def test_values_of_the_wrong_kind_never_stop_the_page(make_run: Make) -> None:
    run = make_run(generator=["x"], data="x", hardware=7, seconds={"train": "long"}, command=None)
    odd = {"evaluators": {"a": {"metrics": [{"value": None}, 3], "tables": {"t": 1}}, "b": 2}}
    (run / "evaluation.json").write_text(json.dumps(odd))
    lines = [{"images": 1, "losses": {"g": "x"}}, {"images": 2, "losses": 3, "d_real": None}]
    lines.append({"images": 3, "losses": {"g": 1e300, "h": float("nan")}, "seconds": "x"})
    (run / "stats.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (run / "progress" / "000000001.png").write_bytes(b"no picture")
    assert "1 of the film's pictures cannot be read" in missing(page_of(run)).replace("&#39;", "'")


def test_pictures_outside_the_run_folder_are_not_taken_in(make_run: Make, tmp_path: Path) -> None:
    run = make_run()
    Image.new("L", (9, 9)).save(tmp_path / "private.png")
    found = {"evaluators": {"a": {"metrics": [], "pictures": ["../../private.png"]}}}
    (run / "evaluation.json").write_text(json.dumps(found))
    assert 'width="9"' not in page_of(run)


def test_images_alone_make_a_page(make_run: Make, tmp_path: Path) -> None:
    images = Images.open(make_run() / "samples")
    (path,) = Report(ReportConfig()).export(images, tmp_path / "out")
    assert 'id="synthetic"' in path.read_text()


def test_real_images_alone_are_called_real(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", subjects=9)
    images.info["source"] = {"name": "x", "license": "private", "simulated": False}
    (path,) = Report(ReportConfig()).export(images, tmp_path / "out")
    page = path.read_text()
    assert 'id="real"' in page
    assert 'id="synthetic"' not in page
    assert "Contains real slices" in page


def test_volumes_are_shown_in_three_planes(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", spatial=(16, 16, 16), subjects=9, synthetic=True)
    (path,) = Report(ReportConfig()).export(images, tmp_path / "out")
    assert "16 × 16 × 16 voxels" in path.read_text()


@pytest.mark.parametrize("spatial", [(32, 32), (16, 16, 16)])
def test_label_maps_lie_over_their_images_and_colours_are_named(
    tmp_path: Path, spatial: tuple[int, ...]
) -> None:
    more = {"spatial": spatial, "subjects": 9, "channels": 2, "labels": True}
    images = make_images(tmp_path / "images", synthetic=True, **more)
    (path,) = Report(ReportConfig()).export(images, tmp_path / "out")
    page = path.read_text()
    assert 'id="synthetic-maps"' in page
    assert 'id="real-maps"' not in page
    assert "T1w in grey, and in colour: dark, bright." in text_of(page)
    shown = re.search(r'id="synthetic-maps".*?base64,([^"]+)"', page, re.DOTALL)
    assert shown
    picture = Image.open(io.BytesIO(base64.b64decode(shown[1]))).convert("RGB")
    colours = {tuple(rgb) for _, rgb in picture.getcolors(1 << 24) or []}  # type: ignore[arg-type]
    assert any(r > b + 40 for r, g, b in colours), "the first label is orange"
    assert any(b > r + 40 for r, g, b in colours), "the second is blue"
    assert (0, 0, 0) in colours, "what has no label stays grey"


def test_pictures_of_label_maps_of_real_people_can_be_left_out(tmp_path: Path) -> None:
    images = make_images(tmp_path / "images", subjects=9, labels=True)
    (path,) = Report(ReportConfig(real=False)).export(images, tmp_path / "out")
    assert "-maps" not in path.read_text()


def test_what_is_there_is_never_overwritten(make_run: Make) -> None:
    run = make_run()
    page_of(run)
    with pytest.raises(ExistsError):
        page_of(run)


def test_the_plugin_offers_it_and_its_options_have_help() -> None:
    (spec,) = brainzoo_exporters()
    assert spec.load() is Report
    assert make_config(spec.config, {"real": "no", "frames": 12}).real is False


def test_the_command_is_shown_without_the_folders_of_the_machine(make_run: Make) -> None:
    run = make_run(
        command="brainzoo run dcgan --data ixi --data.root /home/jane.doe/IXI --out=/scratch/a/b "
        "--data.table '/mnt/St Mary/t.csv' --class old='age > 60'"
    )
    page = page_of(run)
    shown = html.unescape(text_of(page))
    assert "--data.root PATH/IXI --out=PATH/b --data.table PATH/t.csv --class 'old=age" in shown
    assert not re.search("jane|scratch|Mary", page)


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("brainzoo run dcgan --data atlas", "brainzoo run dcgan --data atlas"),
        ("brainzoo run ~/a/run.yaml", "brainzoo run PATH/run.yaml"),
        ("brainzoo run 'dcgan", ""),
        (
            "brainzoo run d --data.root scans-of-jane",
            "brainzoo run d --data.root PATH/scans-of-jane",
        ),
        ("brainzoo run d --data.table=jane/t.csv", "brainzoo run d --data.table=PATH/t.csv"),
        ("brainzoo run jane/run.yaml --size 32", "brainzoo run PATH/run.yaml --size 32"),
        (
            "brainzoo run d --class \"a=subject == 'IXI039' or age < 45\" --class 'b=age > 60'",
            "brainzoo run d --class 'a=chosen by subject' --class 'b=age > 60'",
        ),
        (
            "brainzoo run d --class=a=\"scan in ['s/1']\"",
            "brainzoo run d '--class=a=chosen by subject'",
        ),
    ],
)
def test_commands(command: str, shown: str) -> None:
    assert public_command(command, names=True) == shown


def test_how_well_validation_people_are_fitted_is_drawn(make_run: Make) -> None:
    run = make_run()
    lines = [{"images": n, "losses": {}, "validation": 1 / n, "training": 0.5} for n in (1, 2, 3)]
    (run / "stats.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert "of others; lower is better" in page_of(run)
