"""What this machine computes on, and whether it is quicker there in fewer bits.

Whether a device multiplies in fewer bits is found by doing it once: what a processor, a driver and a build
of PyTorch can do together stands in no list. The setting ``AGESCOPE_CPU`` holds the processor to less, so
that what lesser machines compute can be tried anywhere.
"""

import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.settings import get_settings

# torch is imported where it is needed: it takes seconds, and pages only ask which devices there are.

_TIMES = 3
_ROWS = {"cpu": 512}  # of the product that is tried; a GPU shows its speed only with many
_ROWS_OF_A_GPU = 16_384
_WIDTH = 768
_MOST_OFF = 0.02  # of what a product should be: three times the rounding of bfloat16


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


def has_avx512() -> bool:
    """Whether the processor has AVX-512 and may use it."""
    import torch  # seconds, which a page that lists the devices need not wait for

    return not get_settings().cpu and bool(torch.cpu.get_capabilities().get("avx512_f"))


@cache
def is_fast(device: str) -> bool:
    """Whether ``device`` multiplies in bfloat16 rightly and more quickly than in 32 bits.

    Args:
        device: the type of a torch device.
    """
    import torch  # as in has_avx512

    if device == "cpu" and get_settings().cpu:
        return False  # neither AVX2 nor a plain processor has it
    if device == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return False  # its products are right, and quick in no model
    generator = torch.Generator().manual_seed(0)
    rows = _ROWS.get(device, _ROWS_OF_A_GPU)
    x, weight = (torch.randn(size, _WIDTH, generator=generator).to(device) for size in (rows, _WIDTH))

    def product() -> Any:
        return torch.nn.functional.linear(x, weight)

    def in_bfloat16() -> Any:
        with torch.autocast(device, torch.bfloat16):
            return product()

    try:
        found = in_bfloat16()
    except RuntimeError:  # this processor, or this build of torch, has no such product
        return False
    is_right = bool((found.float() - product()).norm() < _MOST_OFF * product().norm())
    return is_right and is_quicker(in_bfloat16, product)


def is_quicker(one: Callable[[], Any], other: Callable[[], Any]) -> bool:
    """Whether ``one`` takes less time than ``other``; both give a tensor."""
    return shortest_seconds(one, _TIMES) < shortest_seconds(other, _TIMES)


def shortest_seconds(call: Callable[[], Any], times: int) -> float:
    """The shortest time of ``call``, which gives a tensor: what else the machine does can only lengthen one."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        call()[0, 0].item()  # waits for a GPU
        found.append(time.perf_counter() - started)
    return min(found)


def _cpu() -> Device:
    held = f", held to {get_settings().cpu}" if get_settings().cpu else ""
    return Device("cpu", True, f"{platform.processor() or platform.machine()}, {os.cpu_count()} threads{held}")


def _cuda() -> Device:
    if version("torch").endswith("+cpu"):
        return Device("cuda", False, "the installed PyTorch is a build for processors only.")
    if sys.platform != "win32" and not [*Path("/dev").glob("nvidia*"), *Path("/dev").glob("dxg")]:
        return _no_nvidia_gpu()  # importing torch to hear the same takes seconds
    import torch  # as in has_avx512

    if not torch.cuda.is_available():
        return _no_nvidia_gpu()
    memory = torch.cuda.get_device_properties(0).total_memory / 2**30
    return Device("cuda", True, f"{torch.cuda.get_device_name(0)}, {memory:.0f} GiB")


def _no_nvidia_gpu() -> Device:
    return Device("cuda", False, "no NVIDIA GPU with a working driver was found.")


def _mps() -> Device:
    if sys.platform != "darwin":
        return Device("mps", False, "only Macs have it.")
    import torch  # as in has_avx512

    if not torch.backends.mps.is_available():
        return Device("mps", False, "the installed PyTorch cannot use the GPU of this Mac.")
    return Device("mps", True, f"the GPU of this Mac ({platform.machine()}), which shares its memory")
