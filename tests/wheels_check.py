"""Install the wheels of dist/ as the README says, and use them, each in a fresh environment.

First the core by itself, without torch: its help and its lists. Then the README's own line; then
every plugin: a short run from data to report, and every checkpoint that they bring.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
README = (ROOT / "README.md").read_text(encoding="utf-8")
(LINE,) = re.findall(r"pip (install --find-links dist [\w -]+)", README)

CORE_ONLY = """
import sys, brainzoo, brainzoo.preparation.prepare, brainzoo.data.images
assert not {"torch", "scipy", "sklearn"} & set(sys.modules), "the core imported something heavy"
import importlib.resources
assert (importlib.resources.files("brainzoo") / "registry.yaml").is_file(), "registry.yaml"
assert (importlib.resources.files("brainzoo") / "py.typed").is_file(), "py.typed"
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--torch", default="torch")
    torch = parser.parse_args().torch
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        core = environment(place / "core")
        pip(core, "install --find-links dist brainzoo-core")
        say(f"the core alone takes {size_mb(place / 'core')} MB with its dependencies")
        run(core / "python", "-c", CORE_ONLY, cwd=place)
        run(core / "brainzoo", "--help", cwd=place)
        run(core / "brainzoo", "plugins", cwd=place)
        full = environment(place / "full")
        pip(full, f"install {torch}")
        pip(full, LINE)
        run(full / "brainzoo", "sample", "pggan-ixi-64", "-n", "4", "--out", "first", cwd=place)
        pip(full, f"install --find-links dist {' '.join(plugins())}")
        command = ["run", "dcgan", "--data", "atlas", "--size", "32", "--images", "640"]
        command += ["--base-channels", "32", "--samples", "16", "--data.subjects", "12"]
        run(full / "brainzoo", *command, "--out", "demo", cwd=place)
        report = place / "demo" / "report" / "index.html"
        if not report.is_file():
            sys.exit(f"the run from the wheels left no report at {report}")
        checkpoint = next((place / "demo").rglob("model.safetensors")).parent
        run(full / "brainzoo", "sample", checkpoint, "-n", "4", "--out", "more", cwd=place)
        for name in shipped():
            # What came inside the wheels makes the samples that its maker saw.
            run(full / "brainzoo", "verify", name, cwd=place)
    say("all wheels work on their own")


def plugins() -> list[str]:
    return sorted(
        path.name for path in ROOT.glob("plugins/*") if (path / "pyproject.toml").exists()
    )


def shipped() -> list[str]:
    found = sorted(ROOT.glob("plugins/*/src/*/checkpoints/*/config.json"))
    return [path.parent.name for path in found]


def environment(place: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    return place / "bin"


def pip(programs: Path, words: str) -> None:
    start = time.monotonic()
    run(programs / "python", "-m", "pip", "-q", *words.split(), cwd=ROOT)
    say(f"took {time.monotonic() - start:.0f} s")


def size_mb(place: Path) -> int:
    packages = next(place.glob("lib/python*/site-packages"))
    files = [p for p in packages.rglob("*") if p.is_file() and "pip" not in p.parts[-3:-1]]
    total = sum(
        p.stat().st_size for p in files if "/pip" not in str(p.relative_to(packages.parent))
    )
    return round(total / 1e6)


def run(program: Path | str, *arguments: Path | str, cwd: Path | None = None) -> None:
    say(" ".join(map(str, (Path(program).name, *arguments)))[:120])
    environment = {**os.environ, "PYTHONNOUSERSITE": "1", "HF_HUB_OFFLINE": "1"}
    environment.pop("PYTHONPATH", None)
    subprocess.run(
        [str(program), *map(str, arguments)],
        cwd=cwd,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def say(text: str) -> None:
    print(f"[wheels] {text}", flush=True)


if __name__ == "__main__":
    main()
