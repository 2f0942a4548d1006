"""What a study folder hands out is read strictly."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainzoo.common.errors import BrainzooError, IntegrityError
from brainzoo_quiz.study.package import Package, Settings, read_package

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
        found = Package.parse(json.dumps(content))
    except BrainzooError as error:
        assert "\n" not in str(error)  # noqa: PT017 (either outcome is right)
    else:
        read = found.content()
        content["settings"] = {**Settings().model_dump(mode="json"), **content["settings"]}
        for case in content["cases"]:
            case.setdefault("answer", None)
        assert read == content


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["cases"][-1].update(answer="real"), "has the answer real"),
        (lambda c: c.update(truth=[]), "truth is unknown"),
        (lambda c: c.update(schema=2), "schema 2; this version reads 1"),
    ],
)
def test_what_is_wrong_with_a_study_is_said(made, change, said):
    content = json.loads((made / "server" / "study.json").read_text())
    change(content)
    with pytest.raises(BrainzooError) as caught:
        Package.parse(json.dumps(content))
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
