"""What the server answers, and to whom."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from brainzoo.api import DataError, Images, load
from brainzoo_show.frozen import asked_of, freeze
from brainzoo_show.panes import ImagesPane, ModelPane, Setting
from brainzoo_show.server import application

from .conftest import TOKEN

BASE = "http://127.0.0.1:8765"


@pytest.fixture
def ask(slices: ModelPane, people: ImagesPane) -> Iterator[Any]:
    with TestClient(application([slices, people], TOKEN, 8765), base_url=BASE) as client:
        yield client.get


def wall(ask: Any, pane: int, count: int = 4, **setting: Any) -> list[dict[str, Any]]:
    words = {"setting": json.dumps(setting), "count": count}
    answer = ask(f"/{TOKEN}/{pane}/wall", params=words)
    return [json.loads(line) for line in answer.text.splitlines()]


def test_only_who_has_the_token_sees_anything(ask: Any) -> None:
    assert ask("/").status_code == 404
    assert ask("/another/0/wall").status_code == 404
    assert ask(f"/{TOKEN}/").status_code == 200


def test_another_name_of_the_server_is_refused(ask: Any) -> None:
    assert ask(f"/{TOKEN}/", headers={"host": "attacker.example"}).status_code == 421


def test_no_other_site_may_frame_or_read_it(ask: Any) -> None:
    headers = ask(f"/{TOKEN}/").headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"


def test_the_wall_is_what_the_model_samples(ask: Any, slices: ModelPane) -> None:
    lines = wall(ask, 0, 3, seed=7, condition={"age": 60, "sex": "F"})
    condition = {"age": 60, "sex": "F"}
    made = load("pggan-ixi-64").images(3, seed=7, condition=condition)
    for line, pixels in zip(lines, made, strict=False):
        tile = Image.open(io.BytesIO(_decoded(line["tile"])))
        assert np.abs(np.asarray(tile) - pixels[0] * 255).max() <= 0.51
        assert line["row"]["sex"] == "F"
        assert line["row"]["age"] == 60


def test_what_a_model_does_not_know_is_said_in_a_line(ask: Any) -> None:
    assert "age is 200" in wall(ask, 0, condition={"age": 200})[0]["error"]
    assert "'x'" in wall(ask, 0, sampling={"x": 1})[0]["error"]
    assert ask(f"/{TOKEN}/0/wall", params={"setting": "{"}).status_code == 400
    assert ask(f"/{TOKEN}/0/wall", params={"count": "9999"}).status_code == 400
    assert ask(f"/{TOKEN}/9/wall").status_code == 400


def test_images_of_people_carry_no_ids(ask: Any, real: Images) -> None:
    text = json.dumps(wall(ask, 1, 20)) + ask(f"/{TOKEN}/").text
    for name in [*real.subjects(), *map(str, real.column("image_id"))]:
        assert name not in text


def test_a_file_is_the_image_of_the_wall(ask: Any, tmp_path: Path) -> None:
    words = {"setting": json.dumps({"seed": 3}), "index": 5}
    made = load("pggan-ixi-64").images(6, seed=3)[5, 0]
    answer = ask(f"/{TOKEN}/0/file", params={**words, "kind": "nifti"})
    (tmp_path / "one.nii.gz").write_bytes(answer.content)
    voxels = np.asarray(nibabel.load(tmp_path / "one.nii.gz").dataobj)
    assert sorted(voxels.ravel()) == pytest.approx(sorted(made.ravel()), abs=1e-4)
    answer = ask(f"/{TOKEN}/0/file", params={**words, "kind": "exe"})
    assert answer.status_code == 400


def test_voxels_of_a_volume_are_in_order(volumes: ModelPane) -> None:
    with TestClient(application([volumes], TOKEN, 8765), base_url=BASE) as client:
        answer = client.get(f"/{TOKEN}/0/volume", params={"index": 1})
    shown = np.frombuffer(answer.content, np.uint8).reshape(16, 16, 16)
    made = volumes.take(Setting(), 0, 2).floats()[1, 0]
    assert np.abs(shown - made * 255).max() <= 0.51


def test_a_file_to_send_holds_no_people_unless_that_is_asked_for(
    people: ImagesPane, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="--with-real"):
        freeze([people], tmp_path / "look.html")
    assert not (tmp_path / "look.html").exists()
    freeze([people], tmp_path / "look.html", with_real=True)
    assert "mind their consent" in (tmp_path / "look.html").read_text()


def test_simulated_images_may_be_sent(real: Images, tmp_path: Path) -> None:
    info = {**real.info, "source": {**real.info["source"], "simulated": True}}
    simulated = Images(real.read(), real.table, info)
    freeze([ImagesPane(simulated, "made up")], tmp_path / "look.html")
    assert "Synthetic, not for diagnosis" in (tmp_path / "look.html").read_text()


def test_settings_drawn_beforehand_leave_every_column_open_once() -> None:
    columns = [
        {"name": "sex", "levels": ["F", "M"]},
        {"name": "age", "levels": [], "low": 20, "high": 70},
    ]
    found = list(asked_of(columns))
    assert {} in found
    assert {"sex": "M"} in found
    assert {"age": 20} in found
    assert {"sex": "F", "age": 70} in found
    assert len(found) <= 100


def _decoded(address: str) -> bytes:
    import base64

    return base64.b64decode(address.partition(",")[2])
