"""Several processes that fine-tune one model, as ``torchrun`` starts them.

The first does everything that a process alone would do. The others only take their share of the steps of a
fine-tuning, and of its validation: they are sent what they need, write nothing and say nothing.
"""

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from core.encoder.devices import check_device
from core.errors import AgeScopeError, InputError
from core.jobs.progress import Progress
from core.training.arguments import TrainArguments
from core.utils.ranks import process_number, processes

_PATIENCE = timedelta(days=365)  # the first may prepare or measure for days; one that is gone is heard of at once


class LostProcessError(AgeScopeError):
    """Another of the processes has ended before the work did."""


class Ranks:
    """This process among those that fine-tune together; alone, it adds up nothing and asks nobody.

    Attributes:
        number: this process's, from 0.
        count: of processes.
    """

    def __init__(self) -> None:
        joined = distributed.is_available() and distributed.is_initialized()
        self.number, self.count = (distributed.get_rank(), distributed.get_world_size()) if joined else (0, 1)

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.number == 0

    def own(self, sizes: Sequence[int]) -> list[int]:
        """Which pieces of work, of these ``sizes``, are this process's: each is one process's, all have about as much.

        The largest are given away first, each to whoever has the least.
        """
        load, own = [0] * self.count, list[int]()
        for piece in sorted(range(len(sizes)), key=lambda piece: -sizes[piece]):
            whose = load.index(min(load))
            load[whose] += sizes[piece]
            if whose == self.number:
                own.append(piece)
        return sorted(own)

    def add_up(self, *tensors: Tensor) -> None:
        """Make each tensor, in place, the sum of what all processes have in it.

        Raises:
            LostProcessError: one of them is gone.
        """
        if self.count > 1:
            with _lost_processes_named():
                for work in [distributed.all_reduce(tensor, async_op=True) for tensor in tensors]:
                    work.wait()

    def add_up_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Make each gradient the sum over all processes; one that no process has stays none.

        Raises:
            LostProcessError: one of them is gone.
        """
        if self.count == 1:
            return
        had = torch.tensor([parameter.grad is not None for parameter in parameters], dtype=torch.int32)
        self.add_up(had)
        gradients = []
        for parameter, times in zip(parameters, had.tolist(), strict=True):
            if times:
                parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                gradients.append(parameter.grad)
        self.add_up(*gradients)

    def check(self, progress: Progress) -> None:
        """Raise :class:`~core.errors.Stopped` in all processes, at the same step, if any was asked to stop."""
        if self.count > 1:
            asked = torch.tensor(progress.stopping, dtype=torch.int32)
            self.add_up(asked)
            if asked.item():
                raise progress.stopped("Stopped as asked.")
        progress.check()

    def from_first(self, value: Any, device: str = "cpu") -> Any:
        """What the first process has as ``value``; its tensors arrive on this process's ``device``.

        Raises:
            LostProcessError: one of the processes is gone.
        """
        if self.count == 1:
            return value
        buffer = io.BytesIO()
        if self.is_first:
            torch.save(value, buffer)
        sent: list[Any] = [buffer.getvalue()]
        with _lost_processes_named():
            distributed.broadcast_object_list(sent, src=0, device=torch.device("cpu"))
        if self.is_first:
            return value
        # it comes from a process of the same command, and holds a model with its classes
        return torch.load(io.BytesIO(sent[0]), map_location=device, weights_only=False)


@contextmanager
def joined(arguments: TrainArguments) -> Iterator[Ranks]:
    """This process among those that torchrun started with it.

    Raises:
        InputError: the device cannot be used, or the training has no use for so many.
    """
    _check_use(arguments)
    if arguments.device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))  # which "cuda" means from now on
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if arguments.device == "cuda" else "gloo",
        timeout=_PATIENCE,
        rank=process_number(),
        world_size=processes(),
        store=_meeting_place(),
    )
    try:
        yield Ranks()
    finally:
        distributed.destroy_process_group()


def _meeting_place() -> Store:
    """Where the processes tell one another their addresses; those of an attempt before this one are not found."""
    store, _, _ = next(rendezvous("env://"))
    return PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)


def _check_use(arguments: TrainArguments) -> None:
    check_device(arguments.device)
    if arguments.workers > 1:
        raise InputError("torchrun shares each fine-tuning, --workers whole models: leave one of the two out.")
    if arguments.device == "mps":
        raise InputError("A Mac's GPU computes alone: leave torchrun out, or give --device cpu.")
    if arguments.method != "finetuned" and not arguments.compare:
        raise InputError(
            "Several processes share the work of fine-tuning alone. Leave torchrun out for a frozen encoder and for "
            "--recipe best, which are quick."
        )
    if processes() > arguments.accumulation_steps:
        raise InputError(
            f"The processes share the accounts of a step, and a step has {arguments.accumulation_steps} "
            f"(--accumulation-steps): start at most so many processes, not {processes()}."
        )


@contextmanager
def _lost_processes_named() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # of which torch's own errors of connections are kinds
        raise LostProcessError(
            "Another process of this training has ended too early; what it printed says why. The same command goes on "
            "from the last checkpoint."
        ) from error
