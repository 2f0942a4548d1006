"""Build every wheel and use them alone, as someone does who installs from PyPI.

First the core by itself, without torch: its help, its lists and preparing a folder of scans; then
with the plugins: a short run from data to report, and every checkpoint that they bring.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

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
        wheels = build(place / "wheels")
        core = install(place / "core", [w for w in wheels if w.name.startswith("brainzoo-")])
        say(f"the core alone takes {size_mb(place / 'core')} MB with its dependencies")
        run(core / "python", "-c", CORE_ONLY, cwd=place)
        run(core / "brainzoo", "--help", cwd=place)
        run(core / "brainzoo", "plugins", cwd=place)
        full = install(place / "full", [torch, *wheels])
        command = ["run", "dcgan", "--data", "atlas", "--size", "32", "--images", "640"]
        command += [
            "--base-channels",
            "32",
            "--samples",
            "16",
            "--data.subjects",
            "12",
            "--out",
            "demo",
        ]
        run(full / "brainzoo", *command, cwd=place)
        report = place / "demo" / "report" / "index.html"
        if not report.is_file():
            sys.exit(f"the run from the wheels left no report at {report}")
        checkpoint = next((place / "demo").rglob("model.safetensors")).parent
        run(full / "brainzoo", "sample", checkpoint, "-n", "4", "--out", "more", cwd=place)
        run(full / "brainzoo", "sample", "digits-gan-sevens", "-n", "4", "--out", "7", cwd=place)
        for name in shipped():
            # What came inside the wheels makes the samples that its maker saw.
            run(full / "brainzoo", "verify", name, cwd=place)
            run(full / "brainzoo", "sample", name, "-n", "2", "--out", name, cwd=place)
    say("all wheels work on their own")


def shipped() -> list[str]:
    import yaml

    listed = yaml.safe_load((ROOT / "registry.yaml").read_text())["checkpoints"]
    return [entry["name"] for entry in listed if "package" in entry["source"]]


def build(out: Path) -> list[Path]:
    for folder in [ROOT, *sorted(ROOT.glob("plugins/*")), *sorted(ROOT.glob("examples/*/"))]:
        if (folder / "pyproject.toml").is_file():
            run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, folder)
    return sorted(out.glob("*.whl"))


def install(place: Path, what: list[Path | str]) -> Path:
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    run(place / "bin" / "python", "-m", "pip", "install", "-q", *what)
    say(f"installed {len(what)} into {place.name} in {time.monotonic() - start:.0f} s")
    return place / "bin"


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
