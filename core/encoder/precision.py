"""How exactly an encoder computes, and which numbers this machine computes rightly and quickly.

Whether a device multiplies in fewer bits is found by doing it once: what a processor, a driver and a build
of PyTorch can do together stands in no list. The setting ``AGESCOPE_CPU`` holds the processor to less, so
that what lesser machines compute can be tried anywhere.
"""

import time
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

from core.settings import get_settings

# torch is imported where it is needed: it takes seconds, and many only ask for the names.

Precision = Literal["exact", "fast"]
"""``exact`` computes in 32 bits, ``fast`` in fewer where the processor or GPU is quicker in them."""

DType = Literal["float32", "bfloat16", "int8"]
"""In what an encoder computes. Training knows the first two."""

_TIMES = 3
_ROWS = {"cpu": 512}  # of the product that is tried; a GPU shows its speed only with many
_ROWS_OF_A_GPU = 16_384
_WIDTH = 768
_MOST_OFF = 0.02  # of what a product should be: three times the rounding of bfloat16


def has_avx512() -> bool:
    """Whether the processor has AVX-512 and may use it."""
    import torch  # seconds, as said above

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
