"""Load and verify many checkpoints in one process that has little memory; print what came of each.

Usage: ``python broken_runner.py FOLDER GOOD NAME...`` in a folder with planted code. A line of JSON
a checkpoint: the exit code and the words of its error, and the seconds that it computed. The last
line says how much memory was taken, and what was opened, imported or started on the way.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

MOST = 200 * 2**20
STARTS = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "pickle.find_class")


def main(folder: Path, good: str, names: list[str]) -> None:
    import torch

    from brainzoo import checkpoint
    from brainzoo.common.errors import BrainzooError

    torch.set_num_threads(1)
    assert checkpoint.verify(folder / good).passed
    suspicious: list[str] = []
    planted = str(Path.cwd())

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if event in STARTS or (event == "import" and str(args[0]).startswith("planted")):
            suspicious.append(f"{event} {args}")
        elif event == "open" and str(args[0]).endswith((".py", ".pyc", ".pkl", ".bin")):
            if str(args[0]).startswith((str(folder), planted)):
                suspicious.append(f"{event} {args[0]}")
        elif event == "exec" and str(args[0].co_filename).startswith((str(folder), planted)):
            suspicious.append(f"{event} {args[0].co_filename}")

    sys.addaudithook(watch)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + MOST
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in names:
        started = time.process_time()
        found: dict[str, Any] = {"name": name}
        try:
            checkpoint.load(folder / name)
            found["passed"] = checkpoint.verify(folder / name).passed
        except BrainzooError as error:
            found |= {"code": error.exit_code, "said": str(error)}
        except BaseException as error:
            found |= {"code": 1, "said": f"{type(error).__name__}: {error}"}
        print(json.dumps({**found, "seconds": time.process_time() - started}))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    loaded = [name for name in sys.modules if name.startswith("planted")]
    print(json.dumps({"grown": grown, "suspicious": suspicious, "loaded": loaded}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
