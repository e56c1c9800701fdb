"""Real commands in real processes that can be killed at any moment, without the seconds that a start takes.

A process loads everything once; each command is a fork of it, and so is a call of a function (``module:function``),
for work that the dashboard does and no command. ``kill_at`` lets the command end itself, with the
signal that nothing can catch, right before or after it renames its n-th file, or the one of that name, into place.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from core.settings import PROJECT_DIR

KILLED = signal.SIGKILL

QUICK = (
    *("core.importers.importer", "core.index", "core.maintenance.delete_accounts", "core.collection.collector"),
    *("core.instagram.client", "core.instagram.factory", "core.instagram.web_source", "core.labelling.records"),
)
"""What most commands need; torch, which takes seconds, is not among it."""
TRAINING = (
    *("core.training.train", "core.training.compare_methods", "core.prediction.predict", "core.models.loading"),
    *("transformers.models.auto.modeling_auto", "transformers.models.bert.modeling_bert"),
    "transformers.models.auto.tokenization_auto",
)
"""What commands need that train or predict."""

_NURSERY = """
import importlib, json, os, resource, signal, sys
for module in sys.argv[1:]:
    importlib.import_module(module)
import core.cli
from core.collection import leases, turns
from core.instagram import rate_limit
from core.jobs import progress
from core.settings import get_settings
if "torch" in sys.modules:
    sys.modules["torch"].set_num_threads(1)
rate_limit.IN_FLIGHT_S = 0.02
progress.HEARTBEAT_S = 0.1
leases.LEASE_S, turns.LOOK_AGAIN_S = 1.0, 0.1

def killed_at(moment, number):
    rename, done = os.replace, 0
    def replace(*names, **options):
        nonlocal done
        done += 1
        there = number in (done, os.path.basename(names[1]))
        if there and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        rename(*names, **options)
        if there and moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)
    os.replace = replace

for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if not child:
        os.environ.update(order["environment"])
        get_settings.cache_clear()
        os.fsync = lambda handle: None
        out = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(out, 1); os.dup2(out, 2)
        if order["file_size"]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_size"],) * 2)
        if order["kill_at"]:
            killed_at(*order["kill_at"])
        sys.argv = ["core", *order["arguments"]]
        status = 0
        try:
            if order["call"]:
                module, _, function = order["call"].partition(":")
                getattr(importlib.import_module(module), function)(*order["arguments"])
            else:
                core.cli.main()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        except BaseException:
            import traceback
            traceback.print_exc()
            status = 70
        sys.stdout.flush(); sys.stderr.flush()
        os._exit(status)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


@dataclass
class Nursery:
    """See the module; ``log`` is what the commands print, one after another."""

    process: "subprocess.Popen[str]"
    environment: Mapping[str, str]
    log: Path
    call: str = ""

    def calling(self, function: str) -> "Nursery":
        """The same, for a function, ``module:name``, instead of the command line."""
        return replace(self, call=function)

    def at(self, folder: Path) -> "Nursery":
        """The same, for commands whose data, state and log are under ``folder``."""
        places = {"AGESCOPE_DATA_DIR": str(folder / "data"), "XDG_STATE_HOME": str(folder / "state")}
        return replace(self, environment={**self.environment, **places}, log=folder / "log.txt")

    def start(
        self, arguments: Sequence[str | Path], kill_at: tuple[str, int | str] | None = None, file_size: int = 0
    ) -> int:
        """Start a command, which may write no file of more than ``file_size`` bytes (0: any); its process id."""
        order = {
            "arguments": [*map(str, arguments)],
            "call": self.call,
            "environment": dict(self.environment),
            "kill_at": kill_at,
            "file_size": file_size,
            "log": str(self.log),
        }
        assert self.process.stdin
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self._number()

    def ended(self) -> int:
        """Wait for the command; its exit status, or minus the signal that ended it."""
        return os.waitstatus_to_exitcode(self._number())

    def run(
        self, arguments: Sequence[str | Path], kill_at: tuple[str, int | str] | None = None, file_size: int = 0
    ) -> int:
        """Start a command and wait for it."""
        self.start(arguments, kill_at, file_size)
        return self.ended()

    def _number(self) -> int:
        assert self.process.stdout
        return int(self.process.stdout.readline())


@contextmanager
def nursery(folder: Path, *modules: str, **environment: str) -> Iterator[Nursery]:
    """A nursery whose commands have their data and state under ``folder``.

    Args:
        folder: of what they write.
        modules: what is loaded once for all of them, besides :data:`QUICK`.
        environment: of the commands.
    """
    own = {"OMP_NUM_THREADS": "1", "AGESCOPE_JOB_DIR": "", **environment}
    process = subprocess.Popen(
        [sys.executable, "-c", _NURSERY, *QUICK, *modules],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=PROJECT_DIR,
        start_new_session=True,
    )
    try:
        yield Nursery(process, own, folder / "log.txt").at(folder)
    finally:
        assert process.stdin and process.stdout
        os.killpg(process.pid, KILLED)  # an interpreter with so much in it takes seconds to go by itself
        process.wait(timeout=60)
        process.stdin.close()
        process.stdout.close()
