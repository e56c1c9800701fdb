"""Two nodes of a Ray cluster, on two loopback addresses, of which one is killed in the middle of a prediction."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import orjson
import psutil
import pytest

from core.jobs.progress import no_progress
from core.prediction.arguments import ExportShardsArguments
from core.prediction.export_shards import export_shards
from core.settings import PROJECT_DIR
from core.storage.predictions_file import read_rows
from tests.jobs.test_jobs import wait_until
from tests.prediction.test_predict import make_model, run
from tests.prediction.test_shards import same
from tests.scale.test_engines import without
from tests.tiny_models import study

pytestmark = [without["ray"], pytest.mark.slow]
HEAD, OTHER = "127.0.0.2", "127.0.0.3"
ACCOUNTS = 200
_SMALL = ("--num-cpus=1", "--object-store-memory=80000000")
_PATIENCE_S = 180


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return study(tmp_path_factory.mktemp("study"), accounts=ACCOUNTS)[0]


@pytest.fixture(scope="module")
def model(encoder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(encoder, tmp_path_factory.mktemp("models") / "one", (21.0,), (0.5,))


class Cluster:
    """The commands of docs/scale.md, with a token, one core each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder  # short: sockets have names of 107 letters at most
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16)}
        self.environment = {**os.environ, **token, "RAY_USAGE_STATS_ENABLED": "0", "HOME": str(folder)}
        self.address = f"{HEAD}:{_free_port()}"

    def head(self) -> AbstractContextManager[psutil.Process]:
        """The first node."""
        port = self.address.rpartition(":")[2]
        places = (f"--port={port}", f"--node-ip-address={HEAD}", f"--temp-dir={self.folder}")
        return self._node("--head", *places, "--include-dashboard=false")

    def other(self) -> AbstractContextManager[psutil.Process]:
        """A further node."""
        return self._node(f"--address={self.address}", f"--node-ip-address={OTHER}")

    @contextmanager
    def _node(self, *arguments: str) -> Iterator[psutil.Process]:
        """A node's command while it runs; whatever it started is ended with it."""
        command = [str(Path(sys.executable).parent / "ray"), "start", "--block", *_SMALL, *arguments]
        log = self.folder / f"{len([*self.folder.glob('*.log')])}.log"
        with log.open("wb") as file:
            started = subprocess.Popen(command, env=self.environment, stdout=file, stderr=subprocess.STDOUT)
        process = psutil.Process(started.pid)
        try:
            wait_until(lambda: b"Ray runtime started" in log.read_bytes() or started.poll() is not None, _PATIENCE_S)
            assert started.poll() is None, log.read_text()
            yield process
        finally:
            for each in [*_all_below(process), process]:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
            started.wait()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as folder:
        yield Cluster(Path(folder))


def _free_port() -> int:
    with socket.socket() as listening:
        try:
            listening.bind((HEAD, 0))
        except OSError:
            pytest.skip("this system has one loopback address")
        port: int = listening.getsockname()[1]
        return port


def _all_below(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return [*process.children(recursive=True)]
    return []


def named(node: psutil.Process, name: str) -> list[psutil.Process]:
    """The processes of a node that call themselves so."""
    found = []
    for process in _all_below(node):
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
            if name in " ".join(process.cmdline()[:1]):
                found.append(process)
    return found


def test_a_node_that_is_killed_in_the_middle_costs_no_row(
    cluster: Cluster, accounts: Path, model: Path, tmp_path: Path
) -> None:
    output, exported = tmp_path / "p.parquet", tmp_path / "exported"
    with no_progress() as progress:
        export_shards(ExportShardsArguments(accounts, str(exported), accounts_per_shard=1), progress)
    command = [
        *(sys.executable, "-m", "core", "predict", "--shards-from", str(exported)),
        *("--finetuned-model-path", str(model), "--prediction-output-file", str(output)),
        *("--workers", "2", "--engine", "ray", "--address", cluster.address),
    ]

    def done() -> int:
        return len([*Path(f"{output}.shards").glob("*.parquet")])

    with cluster.head(), cluster.other() as other:
        [raylet] = named(other, "raylet/raylet")
        predicting = subprocess.Popen(command, cwd=PROJECT_DIR, env=cluster.environment, stderr=subprocess.PIPE)
        try:
            wait_until(
                lambda: bool(done() and named(other, "ray::_Actor.do")) or predicting.poll() is not None, _PATIENCE_S
            )
            raylet.send_signal(signal.SIGKILL)
            at_the_kill = done()
            _, said = predicting.communicate(timeout=_PATIENCE_S)
        finally:
            predicting.kill()
            predicting.wait()
    assert predicting.returncode == 0, said.decode()
    assert 0 < at_the_kill < ACCOUNTS
    run(accounts, model, tmp_path / "alone.csv", cache=False)
    same(output, tmp_path / "alone.csv")
    assert len([*read_rows(output)]) == ACCOUNTS
    ours, alone = (orjson.loads((tmp_path / f"{name}.run.json").read_bytes()) for name in ("p", "alone"))
    differing = {"created_at", "seconds", "shards_from", "input_dir"}
    assert {k: v for k, v in ours.items() if k not in differing} == {
        k: v for k, v in alone.items() if k not in differing
    }
