from __future__ import annotations

import html
import re
from pathlib import Path
from xml.etree import ElementTree

from brainzoo.testing.heads import make_images
from brainzoo_report.charts import interval_plot
from brainzoo_report.comparing import comparison_page


def test_the_page_stands_alone_and_escapes(tmp_path: Path) -> None:
    bad = "<script>alert(1)</script>"

    def metric(name: str, *values: float) -> dict[str, object]:
        shown = [
            {"value": v, "low": v - 1, "high": v + 1, "floor": 10.5, "n": 64, "at_floor": v == 10}
            for v in values
        ]
        return {"name": name, "values": [*shown, None], "differences": [{"exceeds": True}]}

    made = make_images(tmp_path / "a" / "samples", spatial=(16, 16), subjects=4, synthetic=True)
    found = {
        "test": {"images": 40, "subjects": 12},
        "runs": [{"name": name} for name in ("a", "b", bad)],
        "notes": [bad],
        "evaluators": {"metrics": {"notes": [bad], "metrics": [metric(bad, 10, 30)]}},
        "compared": 1,
        "exceed": 1,
        "by_chance": 0.1,
        "rules": {"floor": "at floor: x", "difference": "a difference counts"},
        "sentences": [bad],
    }
    page = comparison_page(found, [tmp_path / name for name in ("a", "b", "c")])
    assert "<script" not in page
    assert html.escape(bad) in page
    assert "default-src 'none'" in page
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    assert page.count('class="n at-floor"') == 1
    assert page.count("<img") == 1, f"only a has samples: {len(made)}"
    assert page.count('class="plot"') == 1


def test_a_plot_says_what_it_is_or_is_empty() -> None:
    plot = interval_plot([{"value": 1, "low": 0, "high": 2, "floor": 3}, None], "t")
    assert ElementTree.fromstring(plot).get("aria-label") == "t"
    assert interval_plot([{"value": 1.0}]) == "", "nothing to compare"
