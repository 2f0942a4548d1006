"""Run mypy --strict over the core, every plugin and the examples, each with its own root."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    packages = sorted(ROOT.glob("plugins/*/src")) + sorted(ROOT.glob("examples/*/src"))
    targets = [ROOT / "core", *packages, *sorted(ROOT.glob("examples/*.py"))]
    failed = 0
    for target in targets:
        print(f"mypy {target.relative_to(ROOT)}", flush=True)
        command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")]
        failed += subprocess.run([*command, str(target)], cwd=ROOT, check=False).returncode != 0
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
