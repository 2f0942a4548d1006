"""Run mypy --strict over the core, plugins, examples and new packages, each with its own root."""

import subprocess
import sys
import tempfile
from pathlib import Path

from brainzoo.cli.new import write_package
from brainzoo.plugin.manager import KINDS

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    packages = sorted(ROOT.glob("plugins/*/src")) + sorted(ROOT.glob("examples/*/src"))
    targets = [ROOT / "core", *packages, *sorted(ROOT.glob("examples/*.py"))]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            write_package(Path(folder, kind), kind, f"my-{kind}")
            targets.append(Path(folder, kind, "src"))
        for target in targets:
            print(f"mypy {target}", flush=True)
            command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")]
            failed += subprocess.run([*command, str(target)], cwd=ROOT, check=False).returncode != 0
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
