import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainzoo.common.errors import BrainzooError, IntegrityError, NotFoundError
from brainzoo_privacy.verdict import Verdict, read_verdict

DIGEST = "0f" * 32
METRIC = {"value": 0.01, "n": 256, "low": 0.0, "high": 0.02, "floor": None}
REAL = {"images": 10, "subjects": 5, "fingerprint": DIGEST, "sha256": DIGEST}


def made(**changes):
    content = {
        "passed": True,
        "reasons": (),
        "thresholds": {"copy_similarity": 0.7},
        "metrics": {"copy rate": METRIC},
        "synthetic": {
            "images": 256,
            "fingerprint": DIGEST,
            "sha256": DIGEST,
            "checkpoint_sha256": DIGEST,
        },
        "train": REAL,
        "test": REAL,
        "options": {"extractor": "none"},
        "seed": 0,
        "versions": {"numpy": "2"},
    }
    return Verdict.model_validate({**content, **changes})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "verdict.json"


def test_what_was_written_is_read_verdict(path):
    path.write_bytes(made().to_bytes())
    assert read_verdict(path) == made()


def test_a_run_folder_is_enough(tmp_path):
    folder = tmp_path / "evaluation" / "privacy"
    folder.mkdir(parents=True)
    (folder / "verdict.json").write_bytes(made().to_bytes())
    assert read_verdict(tmp_path).passed


def test_a_missing_verdict_says_how_to_make_one(tmp_path):
    with pytest.raises(NotFoundError, match="brainzoo evaluate privacy"):
        read_verdict(tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"passed": True, "reasons": ["copies"]}, "contradicts"),
        ({"passed": False}, "contradicts"),
        ({"passed": 1}, "passed:"),
        ({"passed": "true"}, "passed:"),
        ({"kind": "something"}, "kind:"),
        ({"more": 1}, "more:"),
        ({"thresholds": {}}, "thresholds:"),
        ({"thresholds": {"copy": None}}, "thresholds.copy:"),
        ({"metrics": {"copy rate": {**METRIC, "n": 0}}}, "metrics.copy rate.n:"),
        ({"metrics": {"copy rate": {**METRIC, "value": None}}}, "metrics.copy rate.value:"),
        ({"metrics": {"copy rate": {"value": 1}}}, "metrics.copy rate.n: field required"),
        ({"train": {**REAL, "subjects": 0}}, "train.subjects:"),
        ({"test": {**REAL, "sha256": "short"}}, "test.sha256:"),
        ({"test": {**REAL, "sha256": None}}, "test.sha256:"),
        ({"seed": "0"}, "seed:"),
    ],
)
def test_what_is_no_verdict_is_refused(path, changes, said):
    content = json.loads(made().to_bytes())
    path.write_text(json.dumps({**content, **changes}))
    with pytest.raises(IntegrityError, match=said):
        read_verdict(path)


def test_passing_without_weights_is_refused(path):
    content = json.loads(made().to_bytes())
    content["synthetic"]["checkpoint_sha256"] = ""
    path.write_text(json.dumps(content))
    with pytest.raises(IntegrityError, match="for which weights"):
        read_verdict(path)


@pytest.mark.parametrize(
    "text",
    [
        '{"passed": false, "passed": true}',
        '{"seed": NaN}',
        "[" * 100_000,
        "",
        "null",
    ],
)
def test_broken_json_is_refused(path, text):
    path.write_text(text)
    with pytest.raises(IntegrityError):
        read_verdict(path)


@given(cut=st.integers(0, 1200), put=st.binary(max_size=4))
def test_damage_is_refused_or_harmless(tmp_path_factory, cut, put):
    path = tmp_path_factory.mktemp("verdict") / "verdict.json"
    content = made(passed=False, reasons=("copies",)).to_bytes()
    path.write_bytes(content[:cut] + put + content[cut + len(put) :])
    try:
        found = read_verdict(path)
    except BrainzooError:
        return
    assert not found.passed
