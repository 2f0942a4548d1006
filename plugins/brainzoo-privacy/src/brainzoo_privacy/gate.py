"""The publish gate: every reason not to publish a checkpoint, a line each.

It looks at the very copy that would be sent. Whether weights are an adaptation of their training
data is not settled; the rules of licences treat them as one, since generators may reproduce what
they saw. What is not known is refused.
"""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from brainzoo.api import BrainzooError, checkpoint, console
from brainzoo_privacy.leaks import leaks_of_bytes, leaks_of_text, more_than_pixels
from brainzoo_privacy.verdict import VERDICT, read_verdict

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
METRICS, SAMPLES, REFERENCE = "metrics.json", "samples.png", "reference.npy"

CC = re.compile(r"cc-by(-nc)?(-sa|-nd)?-([34]\.0)")
FREE = re.compile(
    r"cc0(-1\.0)?|pddl(-1\.0)?|public-domain|mit|apache-2\.0|bsd-[23]-clause"
    r"|simulated-scans;-derived-from-the-icbm-2009a-template,.*"
)
"""Anything is allowed if the notice is kept; the template of the ICBM too:
https://nist.mni.mcgill.ca/icbm-152-nonlinear-atlases-2009/"""
REQUIRED = (WEIGHTS, CONFIG, CARD, "LICENSE")
LEAST_SALT = 32
"""Hexadecimal digits, as :func:`brainzoo.checkpoint.describe_training` draws."""


def findings(folder: Path, *, original: Path | None = None, consent: str = "") -> list[str]:
    """Return the reasons not to publish a folder, each ``FILE: PROBLEM``; none if all is well.

    Other files are looked for in the folder that it was copied from, the ``original``. ``consent``
    is who answers for an undecided verdict; it is written into the folder.
    """
    if consent:
        _record_consent(folder, consent)
    found = [f"{name}: {problem}" for name, problem in checkpoint.odd_files(original or folder)]
    empty = [n for n in REQUIRED if not (folder / n).is_file() or not (folder / n).stat().st_size]
    found += (f"{name}: is missing or empty" for name in empty)
    try:
        config = checkpoint.expect_sound(folder, "the folder")
    except BrainzooError as error:
        return [*found, f"checkpoint: {error.message.rstrip('.')}"]
    about = config["trained_on"]
    found += _of_verdict(folder, about | config["weights"])
    if why := forbids(str(about["dataset"].get("license") or ""), weights_licence(folder)):
        found.append(f"licence: {why}")
    salt, subjects = about["salt"], set(about["subjects_sha256"])
    if len(salt) < LEAST_SALT:
        found.append(f"{CONFIG}: the hashes of its subjects have no salt that hides their ids")
    for path in filter(Path.is_file, sorted(folder.iterdir())):
        found += (f"{path.name}: {leak}" for leak in _leaks(path, salt, subjects))
    return found or [*_of_samples(folder)]


def _record_consent(folder: Path, name: str) -> None:
    """Write into the verdict and the card who answers for weights that may leak."""
    verdict = read_verdict(folder / VERDICT)
    if verdict.outcome != "undecided":
        console.note(f"the verdict is {verdict.outcome}: consent changes nothing.")
        return
    (folder / VERDICT).write_bytes(verdict.model_copy(update={"consent": name}).to_bytes())
    with (folder / CARD).open("a", encoding="utf-8") as card:
        card.write(
            "\nThe privacy audit of these weights is undecided: a leak could have been missed. "
            f"{name} consented to publishing them.\n"
        )


def _of_verdict(folder: Path, about: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the verdict on these weights."""
    path = folder / VERDICT
    if not path.is_file():
        how = "make one with brainzoo evaluate privacy, or give --verdict"
        yield f"privacy: these weights have no verdict; {how}"
        return
    try:
        verdict = read_verdict(path)
    except BrainzooError as error:
        yield f"{VERDICT}: {error.message.replace(str(path), 'it').rstrip('.')}"
        return
    if verdict.synthetic.checkpoint_sha256 != about["sha256"]:
        yield f"{VERDICT}: it is about other weights"
    yield from (f"{VERDICT}: it did not pass: {why.rstrip('.')}" for why in verdict.reasons)
    doubts = () if verdict.consent and not verdict.reasons else verdict.doubts
    yield from (f"{VERDICT}: it is undecided: {why.rstrip('.')}" for why in doubts)
    if about.get("fingerprint") and verdict.train.fingerprint != about["fingerprint"]:
        what = "it compared with other images than the weights were trained on"
        yield f"{VERDICT}: {what}; make one with brainzoo evaluate privacy RUN"
    for name, wanted in (("subjects", about["n_subjects"]), ("images", about["n_images"])):
        if (found := getattr(verdict.train, name)) < wanted:
            what = f"it compared with {found} training {name}"
            yield f"{VERDICT}: {what}; the weights were trained on {wanted}"


def _of_samples(folder: Path) -> Iterator[str]:
    """Yield that the weights don't make the samples that were judged: not the same ones twice."""
    try:
        found = checkpoint.verify(folder)
    except BrainzooError as error:
        yield f"samples: {error.message.replace(str(folder), 'the folder').rstrip('.')}"
        return
    if not found.passed:
        yield (
            f"samples: those of seed 0 differ from {REFERENCE} by {found.largest_difference:.2g} "
            f"of the range of grey; expected at most {found.tolerance:g}: a verdict needs samples "
            "that can be made again"
        )


def normal(name: str) -> str:
    """Return a licence's name in one form: ``CC BY-SA 3.0`` is ``cc-by-sa-3.0``."""
    text = re.sub(r"[\s_-]+", "-", name.strip().lower())
    return re.sub(r"^creative-commons-", "cc-", text)


def forbids(data: str, weights: str) -> str:
    """Return why weights may not be published under a licence, or nothing if they may.

    Source: the legal codes at https://creativecommons.org/licenses.
    """
    name = normal(data)
    if name in ("", "unknown", "none", "other"):
        return "the licence of the training data is unknown"
    terms = CC.fullmatch(name)
    if terms is None and not FREE.fullmatch(name):
        return f"what the training data's licence {data[:60]!r} allows for weights is not known"
    if not weights.strip():
        return "the weights state no licence"
    if terms is None or name in ("cc-by-3.0", "cc-by-4.0"):
        return ""
    commercial, kind, version = terms.groups(default="")
    if kind == "-nd":
        why, allowed = "adaptations may not be shared (section 2a)", []
    elif kind == "-sa":  # IXI: https://brain-development.org/ixi-dataset/
        why = "an adaptation must be under the same licence or a later version of it (section 3b)"
        why = why if version == "4.0" else why.replace("3b", "4b")
        allowed = [f"cc-by{commercial}-sa-{v}" for v in ("3.0", "4.0") if v >= version]
    else:
        why = "commercial use is not allowed (section 2a of 4.0, 4b of 3.0)"
        allowed = [f"cc-by-nc{sa}-{v}" for sa in ("", "-sa") for v in ("3.0", "4.0")]
    if normal(weights) in allowed:
        return ""
    only = f"only {' or '.join(allowed)}" if allowed else "nothing"
    return (
        f"the training data's licence {data} forbids {weights[:60]!r} for the weights: "
        f"{why}; {only} may be published "
        f"(https://creativecommons.org/licenses/{name[3:-4]}/{version}/legalcode)"
    )


def weights_licence(folder: Path) -> str:
    """Return the licence that the model card gives the weights; empty if it gives none."""
    from huggingface_hub import ModelCard

    try:
        data: Any = ModelCard((folder / CARD).read_text(encoding="utf-8")).data
    except Exception:  # of YAML, and of what the card's own library expects of it
        return ""
    return str(data.get("license_name" if data.get("license") == "other" else "license") or "")


def _leaks(path: Path, salt: str, subjects: set[str]) -> Iterator[str]:
    if path.name in (WEIGHTS, SAMPLES, REFERENCE):
        if path.name == SAMPLES:
            yield from filter(None, [more_than_pixels(path.read_bytes())])
        if path.name == WEIGHTS:
            yield from leaks_of_text(_words_of_weights(path), salt, subjects)
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            yield from leaks_of_bytes(content)
        return
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        yield "is not UTF-8 text"
        return
    if path.name in (CONFIG, METRICS, VERDICT):
        try:
            # As people read it: \u002f would hide a slash.
            text = json.dumps(
                _without_digests(json.loads(text, object_pairs_hook=_once)),
                ensure_ascii=False,
                indent=0,
            )
            text = text.replace("\\\\", "\\").replace("\\n", "\n")
        except (ValueError, RecursionError):
            yield "is not JSON, or holds a name twice"
    yield from leaks_of_text(text, salt, subjects)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that occurs twice: of such values only the last one would be looked at."""
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _words_of_weights(path: Path) -> str:
    """Return what a safetensors file says in words: names of tensors, and free text beside them."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    about = header.pop("__metadata__", {})
    return "\n".join([*header, *(word for pair in about.items() for word in pair)])


def _without_digests(value: Any) -> Any:
    """Drop the salted hashes, thousands of words that cannot be ids."""
    if isinstance(value, dict):
        return {k: _without_digests(v) for k, v in value.items() if k != "subjects_sha256"}
    return [_without_digests(item) for item in value] if isinstance(value, list) else value
