"""The publish gate names everything that must not leave, and lets a clean checkpoint pass."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainzoo.common.errors import NotFoundError, UnknownPluginError
from brainzoo.plugin.found import entry_points
from brainzoo.plugin.manager import Plugins
from brainzoo.testing.heads import SUBJECT
from brainzoo.zoo.push import GateError, Plan, find_verdict, push, staged
from brainzoo_privacy.gate import findings, forbids, normal
from brainzoo_privacy.leaks import leaks_of_text, more_than_pixels

from .conftest import write_verdict

REPO = "maker/tiny"


def found(checkpoint: Path, **options: Any) -> list[str]:
    plan = push(checkpoint, REPO, dry_run=True, **options)
    assert isinstance(plan, Plan)
    return [str(finding) for finding in plan.findings]


def test_a_clean_checkpoint_passes(audited: Path) -> None:
    assert found(audited) == []


def test_without_a_verdict_on_these_weights(checkpoint: Path, tmp_path: Path) -> None:
    assert len(found(checkpoint)) == 1
    assert found(checkpoint)[0].startswith("privacy: these weights have no verdict")
    verdict = checkpoint.parent / "evaluation" / "privacy" / "verdict.json"
    write_verdict(checkpoint)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    verdict.rename(elsewhere / "verdict.json")
    assert found(checkpoint, verdict=elsewhere) == []
    with pytest.raises(NotFoundError, match="no privacy verdict at"):
        push(checkpoint, REPO, verdict=tmp_path / "nothing")


def test_a_verdict_that_does_not_speak_for_them(audited: Path) -> None:
    made = {"images": 9, "fingerprint": "", "sha256": "0f" * 32, "checkpoint_sha256": "ab" * 32}
    write_verdict(audited, synthetic=made)
    assert found(audited) == ["verdict.json: it is about other weights"]
    write_verdict(audited, passed=False, reasons=("3 of 256 images are copies.", "Few images."))
    assert found(audited) == [
        "verdict.json: it did not pass: 3 of 256 images are copies",
        "verdict.json: it did not pass: Few images",
    ]
    about = json.loads((audited / "config.json").read_text())["trained_on"]
    few = {"images": 1, "subjects": 1, "fingerprint": about["fingerprint"], "sha256": "0f" * 32}
    write_verdict(audited, train=few)
    assert [line.partition(";")[0] for line in found(audited)] == [
        "verdict.json: it compared with 1 training subjects",
        "verdict.json: it compared with 1 training images",
    ]


@pytest.mark.parametrize("fingerprint", ["", "0f" * 32])
def test_a_verdict_that_compared_with_other_people(audited: Path, fingerprint: str) -> None:
    real = {"images": 9999, "subjects": 999, "fingerprint": fingerprint, "sha256": "0f" * 32}
    write_verdict(audited, train=real)
    [line] = found(audited)
    assert line.startswith("verdict.json: it compared with other images than the weights were")


@pytest.mark.parametrize("content", [b"{}", b"", b"[", b'{"passed": true}', b"\xff"])
def test_a_forged_verdict(audited: Path, content: bytes) -> None:
    (audited.parent / "evaluation" / "privacy" / "verdict.json").write_bytes(content)
    assert any(line.startswith("verdict.json: ") for line in found(audited))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("/home/jane/scans/a", "a path of a machine: '/home/jane/scans/a'"),
        ("see /data/ixi/raw.", "a path of a machine"),
        ("--data=/mnt/x/y", "a path of a machine"),
        (r"C:\Users\jane", "a path of a machine"),
        (r"\\server\share", "a path of a machine"),
        ("file:///etc/x", "a path of a machine"),
        ("~/scans/a", "a path of a machine"),
        ("IXI002-Guys-0828", "what looks like a subject: 'IXI002-Guys-0828'"),
        ("ixi123", "what looks like a subject"),
        ("sub-0123 was noisy", "what looks like a subject: 'sub-0123'"),
        ("002_S_0413", "what looks like a subject"),
        ("OAS1_0001_MR1", "what looks like a subject"),
        ("patient_17", "what looks like a subject"),
        ("1.2.840.113619.2.55.3", "a DICOM identifier"),
        ("date_of_birth", "a date of birth"),
        ("DOB", "a date of birth"),
        ("born 1968-03-12", "a date: '1968-03-12'"),
        ("2024-01-31T12:00:00Z", "a date"),
        ("12.03.1968", "a date"),
        ("3/12/1968", "a date"),
        ("12 March 1968", "a date"),
        ("Mar 12, 1968", "a date"),
        ("scanned 19680312", "a date"),
        ("scan_19680312.nii", "a date: '19680312'"),
        ("19680312T143500", "a date: '19680312'"),
        ("1968.03.12", "a date"),
        ("1968_03_12", "a date"),
        ("12-Mar-1968", "a date"),
        ("12MAR1968", "a date"),
        ("March-12-1968", "a date"),
        ("MRN: 1234567", "what looks like a subject"),
        ("at 14:35", "a time"),
    ],
)
def test_what_must_not_leave_is_named(text: str, what: str) -> None:
    assert next(leaks_of_text(f"all is well\n{text}\n", "", ())).startswith(f"holds {what}")


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "config.json", "metrics.json"])
def test_every_text_file_is_looked_through(audited: Path, name: str) -> None:
    path, texts = audited / name, ["/home/jane/scans/a", "IXI002-Guys-0828", "1968-03-12"]
    if name.endswith(".json"):
        content = json.loads(path.read_text())
        key = "conditions" if name == "config.json" else "notes"
        path.write_text(json.dumps({**content, key: texts}))
    else:
        path.write_text("\n".join([path.read_text(), *texts]))
    assert found(audited) == [
        f"{name}: holds a path of a machine: '/home/jane/scans/a'",
        f"{name}: holds what looks like a subject: 'IXI002-Guys-0828'",
        f"{name}: holds a date: '1968-03-12'",
    ]


@pytest.mark.parametrize("escaped", [r"\u002fhome\u002fjane\u002fscans", r"\u0049XI002-Guys-0828"])
def test_escapes_hide_nothing(audited: Path, escaped: str) -> None:
    text = (audited / "metrics.json").read_text()
    (audited / "metrics.json").write_text(text.replace("{", f'{{"x": "{escaped}", ', 1))
    assert any(line.startswith("metrics.json: holds ") for line in found(audited))


@pytest.mark.parametrize("where", ["metadata", "name"])
def test_words_beside_the_weights_are_looked_through(audited: Path, where: str) -> None:
    from safetensors.numpy import load, save

    path = audited / "model.safetensors"
    arrays = load(path.read_bytes())
    if where == "name":
        name = next(iter(arrays))
        arrays["patient_17"] = arrays.pop(name)
    about = {"note": "born 1968-03-12, /data/jane/raw"} if where == "metadata" else None
    path.write_bytes(save(arrays, metadata=about))
    config = json.loads((audited / "config.json").read_text())
    config["weights"]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (audited / "config.json").write_text(json.dumps(config))
    write_verdict(audited)
    said = {
        "metadata": ["a path of a machine: '/data/jane/raw'", "a date: '1968-03-12'"],
        "name": ["what looks like a subject: 'patient_17'"],
    }
    assert found(audited) == [f"model.safetensors: holds {what}" for what in said[where]]


def test_hashes_of_subjects_have_a_salt(audited: Path) -> None:
    config = json.loads((audited / "config.json").read_text())
    config["trained_on"]["salt"] = ""
    (audited / "config.json").write_text(json.dumps(config))
    assert any("no salt that hides" in line for line in found(audited))


@pytest.mark.parametrize("form", ["{}", "<{}>", "a_{}_T1w.nii.gz", "{}-T1", "scan.{}.1", "({})"])
def test_a_training_subject_is_found_by_its_salted_hash(audited: Path, form: str) -> None:
    """Whatever its id looks like, and though nothing in the checkpoint names it."""
    config = json.loads((audited / "config.json").read_text())
    salted = hashlib.sha256(f"{config['trained_on']['salt']}Muster-0815".encode()).hexdigest()
    config["trained_on"]["subjects_sha256"].append(salted)
    (audited / "config.json").write_text(json.dumps(config))
    with (audited / "README.md").open("a") as file:
        file.write(form.format("Muster-0815"))
    assert "README.md: names the training subject 'Muster-0815'" in found(audited)
    assert SUBJECT not in "".join(found(audited))


def test_harmless_text_passes() -> None:
    text = """
    Fonov V (2011). NeuroImage 54:313-327. https://doi.org/10.1016/j.neuroimage.2010.07.033
    See https://huggingface.co/owner/name/tree/main and ./docs/use.md, T1/T2, 64 x 64, 1.5/3 T.
    torch 2.13.0, numpy 1.26, 0.20240131, 20 000 images, ratio 3:1, e4bf32019051299ab, v1.10.2024x
    brainzoo run pggan --data ixi --images 300k; </p> <br/> and/or; images/s; sub-millimetre
    """
    assert list(leaks_of_text(text, "", ())) == []


@given(st.text(max_size=2000))
def test_any_text_is_looked_through(text: str) -> None:
    for leak in leaks_of_text(text, "salt", {"0" * 64}):
        assert leak.isprintable() or repr(leak)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda png: png[:33] + chunk(b"tEXt", b"Author\0Jane") + png[33:], "'tEXt' chunk"),
        (lambda png: png[:33] + chunk(b"tIME", b"\7\xe8\1\2\3\4\5") + png[33:], "'tIME' chunk"),
        (lambda png: png[:33] + chunk(b"eXIf", b"II*\0") + png[33:], "'eXIf' chunk"),
        (lambda png: png + b"more", "more than a picture"),
        (lambda png: png[:-5], "more than a picture"),
        (lambda png: b"<html>", "is not a PNG"),
    ],
)
def test_a_picture_is_nothing_but_pixels(
    audited: Path, change: Callable[[bytes], bytes], problem: str
) -> None:
    path = audited / "samples.png"
    assert more_than_pixels(path.read_bytes()) == ""
    path.write_bytes(change(path.read_bytes()))
    assert any(line.startswith("samples.png: ") and problem in line for line in found(audited))


def test_an_array_is_nothing_but_pixels(audited: Path) -> None:
    path = audited / "reference.npy"
    whole = path.read_bytes()
    path.write_bytes(whole + b"Jane Doe")
    assert any(
        line.startswith("samples: the folder holds no readable reference")
        for line in found(audited)
    )
    np.save(path, np.array([{"a": 1}]), allow_pickle=True)
    assert any(
        line.startswith("samples: the folder holds no readable reference")
        for line in found(audited)
    )
    path.write_bytes(whole[:-40] + b"IXI002-Guys-0828" + whole[-24:])
    assert "reference.npy: holds 'IXI002-Guys-0828'" in found(audited)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda f: (f / "notes.txt").write_text("x"), "notes.txt: is not a file of a checkpoint"),
        (lambda f: (f / ".git").mkdir(), ".git: is not a file of a checkpoint; remove it"),
        (lambda f: (f / "LICENSE").unlink(), "LICENSE: is missing or empty"),
        (lambda f: (f / "README.md").write_text(""), "README.md: is missing or empty"),
        (lambda f: (f / "README.md").write_bytes(b"\xff\xfe"), "README.md: is not UTF-8 text"),
        (lambda f: (f / "metrics.json").write_text("{"), "metrics.json: is not JSON"),
        (
            lambda f: (f / "model.safetensors").write_bytes(b"\x80\4."),
            "checkpoint: the folder is not",
        ),
        (
            lambda f: (f / "README.md").write_text("x" * 1_000_001),
            "README.md: has 1000001 bytes",
        ),
    ],
)
def test_files_that_should_not_be_so(
    audited: Path, change: Callable[[Path], object], finding: str
) -> None:
    change(audited)
    assert any(line.startswith(finding) for line in found(audited)), found(audited)


def test_a_link_is_not_followed(audited: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (audited / "metrics.json").unlink()
    (audited / "metrics.json").symlink_to(tmp_path / "secret")
    assert found(audited) == ["metrics.json: is not a plain file, but a link or folder"]


@pytest.mark.parametrize(
    ("data", "weights", "why"),
    [
        ("CC BY-SA 3.0", "cc-by-sa-3.0", ""),
        ("CC BY-SA 3.0", "cc-by-sa-4.0", ""),
        ("CC BY-SA 3.0", "mit", "forbids 'mit' .* same licence"),
        ("CC BY-SA 3.0", "cc-by-nc-4.0", "forbids"),
        ("CC-BY-SA-4.0", "cc-by-sa-3.0", "forbids"),
        ("CC BY-NC 4.0", "mit", "commercial"),
        ("CC BY-NC-ND 4.0", "cc-by-nc-nd-4.0", "may not be shared"),
        ("CC BY 4.0", "mit", ""),
        ("CC0 1.0", "apache-2.0", ""),
        ("Creative Commons BY 4.0", "mit", ""),
        ("unknown", "mit", "is unknown"),
        ("", "mit", "is unknown"),
        ("ADNI data use agreement", "mit", "is not known"),
        ("CC BY-SA 3.0", "", "state no licence"),
    ],
)
def test_licences(data: str, weights: str, why: str) -> None:
    assert re.search(why, forbids(data, weights))
    assert bool(forbids(data, weights)) == bool(why)


def test_names_of_licences() -> None:
    assert normal("CC BY-SA 3.0") == normal("cc_by_sa 3.0") == "cc-by-sa-3.0"


def test_a_licence_that_the_data_forbid(audited: Path) -> None:
    card = (audited / "README.md").read_text()
    assert "license: cc-by-sa-3.0" in card
    (audited / "README.md").write_text(card.replace("license: cc-by-sa-3.0", "license: mit"))
    assert found(audited)[0].startswith(
        "licence: the training data's licence CC BY-SA 3.0 forbids 'mit' for the weights"
    )
    (audited / "README.md").write_text("no header\n")
    assert found(audited) == ["licence: the weights state no licence"]


def test_the_copy_is_what_is_looked_at(audited: Path) -> None:
    """A folder that was never staged is judged as it is."""
    assert [str(f).partition(";")[0] for f in findings(audited)] == [
        "privacy: these weights have no verdict"
    ]
    error = GateError(findings(audited))
    assert error.exit_code == 9
    assert "\n" not in str(error)


def test_an_undecided_verdict_needs_the_name_of_who_answers(audited: Path) -> None:
    doubt = "with 8 unseen people, a membership AUC of up to 0.71 cannot be ruled out."
    write_verdict(audited, passed=False, doubts=(doubt,))
    assert found(audited) == [f"verdict.json: it is undecided: {doubt.rstrip('.')}"]
    assert found(audited, consent="  ") == found(audited)
    assert found(audited, consent="Jane Doe, City Hospital") == []
    write_verdict(audited, passed=False, doubts=(doubt,), reasons=("3 images are copies.",))
    assert len(found(audited, consent="Jane Doe")) == 2


def test_consent_is_published_with_the_weights(audited: Path) -> None:
    write_verdict(audited, passed=False, doubts=("Few people.",))
    with staged(audited, find_verdict(audited, None)) as copy:
        assert findings(copy, consent="Jane Doe") == []
        assert json.loads((copy / "verdict.json").read_text())["consent"] == "Jane Doe"
        assert "Jane Doe consented" in (copy / "README.md").read_text()


def test_weights_that_make_other_samples_each_time(
    audited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brainzoo_tiny.generator import Tiny

    luck = np.random.default_rng()
    samples = Tiny.sample

    def shaken(self: Tiny, n: int, **asked: Any) -> Any:
        for pixels in samples(self, n, **asked):
            yield np.clip(pixels + luck.normal(0, 0.1, pixels.shape), 0, 1).astype(np.float32)

    monkeypatch.setattr(Tiny, "sample", shaken)
    [line] = found(audited)
    assert line.startswith("samples: those of seed 0 differ from reference.npy")


def test_without_the_gate_nothing_is_published(
    audited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Plugins(one for one in entry_points() if one.distribution != "brainzoo-privacy")
    monkeypatch.setattr("brainzoo.zoo.push.plugins", lambda: found)
    with pytest.raises(UnknownPluginError, match="pip install brainzoo-privacy"):
        push(audited, REPO, dry_run=True)


def test_a_name_that_occurs_twice_hides_nothing(audited: Path) -> None:
    (audited / "metrics.json").write_text('{"evaluators": "/home/jane/x", "evaluators": {}}')
    assert "metrics.json: is not JSON, or holds a name twice" in found(audited)
