"""What this machine computes on: a processor, an NVIDIA GPU, a Mac's."""

import os
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from core.errors import InputError
from core.settings import get_settings

# torch is imported where it is needed: it takes seconds, and pages only ask which devices there are.


@dataclass(frozen=True)
class Device:
    """Something to compute on; ``note`` says what it is, or in plain words why it cannot be used."""

    name: str
    available: bool
    note: str


def devices() -> list[Device]:
    """The processor, the kind of GPU that such a machine may have, and whether each can be used."""
    return [_cpu(), _mps() if sys.platform == "darwin" else _cuda()]


def check_device(name: str) -> None:
    """Make sure that ``name``, ``cpu``, ``cuda`` or ``mps``, can be used.

    Raises:
        InputError: it cannot; the text says why.
    """
    kinds = {"cpu": _cpu, "cuda": _cuda, "mps": _mps}
    if name not in kinds:
        raise InputError(f"There is no device {name!r}. Choose cpu, cuda or mps.")
    found = kinds[name]()
    if not found.available:
        raise InputError(f"{name} cannot be used: {found.note} Choose cpu.")


def _cpu() -> Device:
    held = f", held to {get_settings().cpu}" if get_settings().cpu else ""
    return Device("cpu", True, f"{platform.processor() or platform.machine()}, {os.cpu_count()} threads{held}")


def _cuda() -> Device:
    if version("torch").endswith("+cpu"):
        return Device("cuda", False, "the installed PyTorch is a build for processors only.")
    if sys.platform != "win32" and not [*Path("/dev").glob("nvidia*"), *Path("/dev").glob("dxg")]:
        return _no_nvidia_gpu()  # importing torch to hear the same takes seconds
    import torch  # seconds, for which no page should wait

    if not torch.cuda.is_available():
        return _no_nvidia_gpu()
    memory = torch.cuda.get_device_properties(0).total_memory / 2**30
    return Device("cuda", True, f"{torch.cuda.get_device_name(0)}, {memory:.0f} GiB")


def _no_nvidia_gpu() -> Device:
    return Device("cuda", False, "no NVIDIA GPU with a working driver was found.")


def _mps() -> Device:
    if sys.platform != "darwin":
        return Device("mps", False, "only Macs have it.")
    import torch  # seconds, for which no page should wait

    if not torch.backends.mps.is_available():
        return Device("mps", False, "the installed PyTorch cannot use the GPU of this Mac.")
    return Device("mps", True, f"the GPU of this Mac ({platform.machine()}), which shares its memory")
