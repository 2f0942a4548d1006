"""What the licence of training data allows for the weights that were trained on them.

Whether weights are an adaptation of their training data is not settled. This table is careful: it
treats them as one, since generators may reproduce what they saw. What it does not know is refused.
"""

from __future__ import annotations

import dataclasses
import re

ANY = "any"


@dataclasses.dataclass(frozen=True)
class Terms:
    """What one licence of data allows.

    Attributes:
        pattern: Matches its name, in lower case with single hyphens.
        weights: The licences that weights may have; ``("any",)`` for all, empty for none.
        why: The clause that says so.
        source: Where it can be read.
    """

    pattern: str
    weights: tuple[str, ...]
    why: str
    source: str


_CC = "https://creativecommons.org/licenses"

TABLE = (
    Terms(
        r"cc-by-sa-3\.0",  # IXI: https://brain-development.org/ixi-dataset/
        ("cc-by-sa-3.0", "cc-by-sa-4.0"),
        "an adaptation must be under the same licence or a later version of it (section 4b)",
        f"{_CC}/by-sa/3.0/legalcode",
    ),
    Terms(
        r"cc-by-sa-4\.0",
        ("cc-by-sa-4.0",),
        "an adaptation must be under the same licence or a later version of it (section 3b)",
        f"{_CC}/by-sa/4.0/legalcode",
    ),
    Terms(
        r"cc-by-nc-sa-3\.0",
        ("cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"),
        "an adaptation must be under the same licence or a later version of it (section 4b)",
        f"{_CC}/by-nc-sa/3.0/legalcode",
    ),
    Terms(
        r"cc-by-nc-sa-4\.0",
        ("cc-by-nc-sa-4.0",),
        "an adaptation must be under the same licence or a later version of it (section 3b)",
        f"{_CC}/by-nc-sa/4.0/legalcode",
    ),
    Terms(
        r"cc-by-nc-(3\.0|4\.0)",
        ("cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"),
        "commercial use is not allowed (section 2a of 4.0, 4b of 3.0)",
        f"{_CC}/by-nc/4.0/legalcode",
    ),
    Terms(
        r"cc-by-(nc-)?nd-.*",
        (),
        "adaptations may not be shared (section 2a)",
        f"{_CC}/by-nd/4.0/legalcode",
    ),
    Terms(
        r"cc-by-(3\.0|4\.0)",
        (ANY,),
        "adaptations may be shared if the authors are named (section 3a)",
        f"{_CC}/by/4.0/legalcode",
    ),
    Terms(
        r"(cc0|cc0-1\.0|pddl|pddl-1\.0|public-domain)",
        (ANY,),
        "all rights are waived",
        "https://creativecommons.org/publicdomain/zero/1.0/legalcode",
    ),
    Terms(
        r"(mit|apache-2\.0|bsd-[23]-clause)",
        (ANY,),
        "anything is allowed if the notice is kept",
        "https://opensource.org/licenses",
    ),
    Terms(
        r"simulated-scans;-derived-from-the-icbm-2009a-template,.*",
        (ANY,),
        "use, copying, modification and distribution are allowed if the notice is kept",
        "https://nist.mni.mcgill.ca/icbm-152-nonlinear-atlases-2009/",
    ),
)


def normal(name: str) -> str:
    """Return a licence's name as the table writes it: ``CC BY-SA 3.0`` is ``cc-by-sa-3.0``."""
    text = re.sub(r"[\s_-]+", "-", name.strip().lower())
    return re.sub(r"^creative-commons-", "cc-", text)


def forbids(data: str, weights: str) -> str:
    """Return why weights may not be published under a licence, or nothing if they may.

    Args:
        data: The licence of the training data.
        weights: The licence that the weights are to have.
    """
    if not data.strip() or normal(data) in ("unknown", "none", "other"):
        return "the licence of the training data is unknown"
    terms = next((t for t in TABLE if re.fullmatch(t.pattern, normal(data))), None)
    if terms is None:
        return f"what the training data's licence {data[:60]!r} allows for weights is not known"
    if not weights.strip():
        return "the weights state no licence"
    same = normal(weights) == normal(data) and terms.weights
    if same or ANY in terms.weights or normal(weights) in terms.weights:
        return ""
    allowed = f"only {' or '.join(terms.weights)}" if terms.weights else "nothing"
    return (
        f"the training data's licence {data} forbids {weights[:60]!r} for the weights: "
        f"{terms.why}; {allowed} may be published ({terms.source})"
    )
