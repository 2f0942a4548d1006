"""A PostgreSQL of its own, in a temporary folder, on a free port of this machine."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

PASSWORD = secrets.token_hex(16)


def programs() -> Path | None:
    """Return the folder of the newest installed PostgreSQL; root needs the user postgres too."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name)
    )
    if not found or not all((found[-1] / name).is_file() for name in ("initdb", "pg_ctl")):
        return None
    return found[-1] if _user() is not None or os.getuid() != 0 else None


def _user() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return None


class Cluster:
    """Starts at once; :meth:`database` makes an empty database."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = Path(tempfile.mkdtemp(prefix="quiz-"))
        user = _user()
        self.run: dict[str, Any] = {"cwd": self.folder, "check": True, "capture_output": True}
        if os.getuid() == 0 and user is not None:  # PostgreSQL refuses to run as root
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.run |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        password = self.folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        password.chmod(0o644)
        self.data = self.folder / "data"
        options = ["-U", "owner", "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync"]
        subprocess.run([home / "initdb", "-D", self.data, *options, "-E", "UTF8"], **self.run)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        settings = f"-p {self.port} -h 127.0.0.1 -k {self.folder} -c fsync=off"
        self._control("start", "-o", settings, "-l", self.folder / "log")

    def _control(self, verb: str, *words: object) -> None:
        command = [self.home / "pg_ctl", "-D", self.data, "-w", "-s", verb, *map(str, words)]
        subprocess.run(command, **{**self.run, "capture_output": False})

    def url(self, name: str, password: str = PASSWORD) -> str:
        return f"postgresql://owner:{password}@127.0.0.1:{self.port}/{name}"

    def database(self) -> str:
        """Return the URL of a new, empty database."""
        import pg8000.native

        name = f"study_{secrets.token_hex(4)}"
        connection = pg8000.native.Connection(
            "owner", host="127.0.0.1", port=self.port, password=PASSWORD, database="postgres"
        )
        connection.run(f"CREATE DATABASE {name}")
        connection.close()
        return self.url(name)

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")
        shutil.rmtree(self.folder)
