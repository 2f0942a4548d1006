"""Which contrast a series has, and whether it is an anatomical scan at all.

Words of the description come first, as people choose protocols by them; where they say nothing, the
parameters of the sequence do. Descriptions are read here and never repeated: people write names
into them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from brainzoo_dicom.headers import Header, Slice

CHANNELS = ("T1w", "T1ce", "T2w", "FLAIR", "PDw", "T2starw", "SWI", "angio")
"""The contrasts in the order in which images get them, as BIDS calls them."""

_WORD = r"(?:^|(?<=[^a-z0-9])|(?<=\dd)|(?<=ax)|(?<=sag)|(?<=cor)|(?<=tra))"
"""Where a word begins: also in ``3dt1`` or ``axt2``."""


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(f"{_WORD}(?:{pattern})")


LOCALISER = _words(
    r"locali[sz]er|loc(?![a-z])|scout|survey|3[- _]?plane|plan scan|aahead|smartbrain"
)
OTHER = _words(
    r"bold|fmri|func|rest(?:ing)?(?![a-z])|ep2d|epi(?![a-z])|dwi|dti|diff|hardi|noddi|asl|pcasl|perf|"
    r"dsc|dce|field[-_ ]?map|b0map|gre_field|sbref|svs|csi|spectro|mrs(?![a-z])|press|phoenix|"
    r"cal(?:ibration)?(?![a-z])|asset|moco|shim|b1map|adc|trace|fa(?![a-z0-9])|colfa|cbf|cbv|mtt|ttp|"
    r"mip(?![a-z])|minip|(?:t1|t2|r2|pha|mag)[-_ ]?(?:star)?[-_ ]?maps?(?![a-z])|qsm"
)
ANGIO = _words(r"tof|mra(?![a-z])|angio")
SWI = _words(r"swi(?![a-z])|swan|venobold")
T2_STAR = _words(r"t2[-_ ]?(?:\*|star)|hemo|haemo|medic(?![a-z])|merge(?![a-z])")
T1 = _words(r"t1(?![0-9])|mp-?rage|mp2rage|bravo|spgr|fspgr|ir-?fspgr|tfl3d|tfe3d|3d-?tfe")
T1_FLAIR = _words(r"t1[-_ ]?(?:w[-_ ]?)?flair")
FLAIR = _words(r"(?:t2)?flair|dark[-_ ]?fluid|tirm|(?:t2w?)[-_ ]?flair")
T2 = _words(r"t2(?![0-9])|t2w")
PD = _words(r"pd(?![a-z])|pdw|proton")
AGENT = _words(
    r"gd(?![a-z])|gado|post(?![a-z]|[-_ ]?op)|\+ ?c(?![a-z])|c\+|ce(?![a-z])|contrast|km(?![a-z])|"
    r"t1(?:ce|gd|c(?![a-z]))"
)
NO_AGENT = _words(r"w/?o(?![a-z])|without|ohne|pre(?![a-z])|non?[-_ ](?:contrast|gd|ce)|nativ")

DERIVED = re.compile(
    r"(?:CSA )?(?:MPR|RESAMPLED)(?: THICK| THIN)?|M(?:IN|N)?IP|PROJECTION IMAGE|REFORMATTED|"
    r"SUB(?:TRACTION)?|ADC|FA|TRACEW|T[12]_MAP|SCREEN ?(?:SAVE|SHOT)"
)
"""Words of an image type that say that it was computed of other images."""

PHASES = ("P", "PHASE", "PHASE MAP", "R", "REAL", "I", "IMAGINARY", "B0", "FIELD MAP", "VELOCITY")


def kind_of(one: Slice) -> str:
    """Return what a series is if it is no anatomical scan; empty if it is one.

    Args:
        one: Any image of the series.
    """
    header, types = one.header, one.frame_type
    text = _texts(header)[0]
    if header.synthetic:
        return "synthetic"
    if "LOCALIZER" in types or LOCALISER.search(text):
        return "localisers"
    if header.burned_in:
        return "with text burned in"
    if any(value in PHASES or value.startswith("PHASE") for value in types[2:4]):
        return "phase images"
    if types[1:2] == ("SECONDARY",) or any(map(DERIVED.fullmatch, types)):
        return "derived"
    return "of other kinds (diffusion, functional, maps, ...)" if OTHER.search(text) else ""


def channel_of(one: Slice) -> str:
    """Return the contrast of a series as BIDS calls it; empty if nothing says it."""
    header, texts = one.header, _texts(one.header)
    agent = header.contrast_agent or bool(AGENT.search(texts[0]) and not NO_AGENT.search(texts[0]))
    by_words = next(filter(None, map(_of_words, texts)), [])
    # Both contrasts of a dual echo are in its name, and perhaps none: then times decide.
    found = by_words[0] if len(by_words) == 1 else _of_parameters(header, one.echo)
    return "T1ce" if found == "T1w" and agent else found


def _texts(header: Header) -> list[str]:
    """Return the description of a series and, behind it, that of the protocol.

    The protocol comes second: some manufacturers call it after the whole examination.
    """
    return header.description.lower().split(" | ")


def _of_words(text: str) -> list[str]:
    """Return the contrasts that a description names."""
    single = {"angio": ANGIO, "SWI": SWI, "T2starw": T2_STAR, "T1w": T1_FLAIR, "FLAIR": FLAIR}
    found = next((name for name, words in single.items() if words.search(text)), None)
    if found is not None:
        return [found]
    return [name for name, words in (("T1w", T1), ("T2w", T2), ("PDw", PD)) if words.search(text)]


def wanted_words(series: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Return the words of ``--data.series`` by channel."""
    wanted: dict[str, tuple[str, ...]] = {}
    for text in series:
        channel, _, word = text.partition("=")
        wanted[channel.strip()] = (*wanted.get(channel.strip(), ()), word.strip().lower())
    return wanted


def channel_asked_for(header: Header, wanted: Mapping[str, tuple[str, ...]]) -> str:
    """Return the channel that was asked for by a word, a pattern or a number of the series."""
    texts = [text.lower() for text in header.description.split(" | ")]
    for channel, words in wanted.items():
        for word in words:
            pattern = word if re.search(r"[*?]", word) else f"*{word}*"
            if word.isdigit():
                if header.number == int(word):
                    return channel
            elif any(fnmatchcase(text, pattern) for text in texts):
                return channel
    return ""


def _of_parameters(header: Header, echo: float | None) -> str:
    """Return what repetition, echo and inversion times make bright, in milliseconds.

    The ranges are those of textbooks, for 1.5 and 3 T.
    """
    sequence, repetition = header.sequence, header.repetition
    gradient = bool({"GR", "GRADIENT"} & set(sequence))
    inverted = header.inversion is not None and header.inversion > 0
    if echo is None or repetition is None:
        return ""
    if inverted and (header.inversion or 0) > 1500 and echo > 60:
        return "FLAIR"
    if gradient:
        if inverted and echo < 12:
            return "T1w"
        if echo >= 12:
            return "T2starw"
        return "T1w" if repetition < 60 and header.three_d else ""
    if echo < 35 and repetition < 1100:
        return "T1w"
    if repetition > 1800:
        return "T2w" if echo > 60 else "PDw" if echo < 45 else ""
    return ""
