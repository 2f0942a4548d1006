"""What the licence of training data allows for the weights that were trained on them.

Whether weights are an adaptation of their training data is not settled. These rules are careful:
they treat them as one, since generators may reproduce what they saw. What is not known is refused.
"""

from __future__ import annotations

import re

CC = re.compile(r"cc-by(-nc)?(-sa|-nd)?-([34]\.0)")
FREE = re.compile(
    r"cc0(-1\.0)?|pddl(-1\.0)?|public-domain|mit|apache-2\.0|bsd-[23]-clause"
    r"|simulated-scans;-derived-from-the-icbm-2009a-template,.*"
)
"""Anything is allowed if the notice is kept; the template of the ICBM too:
https://nist.mni.mcgill.ca/icbm-152-nonlinear-atlases-2009/"""


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
