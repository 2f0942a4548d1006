"""What made a checkpoint, in words that name no folder and nobody."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from brainzoo.data.classes import public_expression

PATH_OPTIONS = ("--data.root", "--data.table", "--out", "--resume")


def public_command(command: str) -> str:
    """Return a command line for what is published: no folders, and no class that lists people.

    Empty if it cannot be divided into words.
    """

    def shown(flag: str, value: str) -> str:
        if flag == "--class":
            name, equals, expression = value.partition("=")
            return f"{name}{equals}{public_expression(expression)}"
        pathlike = any(mark in value for mark in "/\\") or value.startswith("~")
        return "PATH" if flag in PATH_OPTIONS or pathlike else value

    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    public, flag = [], ""
    for word in words:
        if not word.startswith("-"):
            public.append(shown(flag, word))
            flag = ""
            continue
        flag, equals, value = word.partition("=")
        public.append(f"{flag}={shown(flag, value)}" if equals else word)
        flag = "" if equals else flag
    return shlex.join(public)


def commit() -> str | None:
    """Return the commit of brainzoo's source, if it is a repository without changes."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return None

    def git(*words: str) -> str:
        command = ["git", "-C", str(root), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return None if changed else git("rev-parse", "HEAD")
    except (OSError, subprocess.SubprocessError):
        return None
