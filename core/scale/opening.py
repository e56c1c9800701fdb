"""The engine that was asked for, opened."""

from importlib.util import find_spec

from core.errors import InputError
from core.scale.engine import Engine, EngineOptions
from core.scale.processes import Processes


def open_engine(options: EngineOptions) -> Engine:
    """The engine that was asked for.

    Raises:
        InputError: what it needs is not installed.
    """
    if options.engine == "ray":
        _need("ray", options.engine)
        from core.scale.ray_actors import RayActors  # Ray is optional

        return RayActors(options)
    if options.engine == "slurm":
        _need("submitit", options.engine)
        from core.scale.slurm import SlurmJobs  # submitit is optional

        return SlurmJobs(options)
    return Processes(options)


def _need(package: str, engine: str) -> None:
    if find_spec(package) is None:
        raise InputError(
            f"--engine {engine} needs {package}, which is not installed. "
            "Run: pip install -r requirements-cluster.txt, or leave the option out to use this machine."
        )
