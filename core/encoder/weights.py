"""Weights files: read without executing anything, written atomically, put into a model."""

import io
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as safetensors_bytes
from torch import Tensor

from core.encoder.age_classifier import AgeClassifier
from core.errors import InputError
from core.utils.io import write_atomically

_UNREADABLE = (
    OSError, RuntimeError, SafetensorError, EOFError, LookupError, ValueError, TypeError, AttributeError,
    pickle.UnpicklingError, zipfile.BadZipFile, OverflowError, NotImplementedError
)  # fmt: skip

_LONGEST_HEAD = 20_000_000
_NOT_WEIGHTS = ("bert.embeddings.position_ids", "bert.embeddings.token_type_ids")


def read_weights(path: Path) -> dict[str, Tensor]:
    """The state dict of a ``.pth`` or ``.safetensors`` file, on the CPU; nothing in it is executed.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    try:
        _check_file(path)
        weights = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except _UNREADABLE as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(f"{path} cannot be read as weights ({reason}). Give a .pth state dict or .safetensors.") from (
            error
        )
    if not isinstance(weights, Mapping) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise InputError(f"{path} holds no state dict. Save one with torch.save(model.state_dict(), path).")
    _check_tensors(path, weights)
    return dict(weights)


def _check_file(path: Path) -> None:
    """Raise ValueError where reading the file would take much more memory than it has bytes."""
    size = path.stat().st_size
    if path.suffix == ".safetensors":
        with path.open("rb") as file:
            head = int.from_bytes(file.read(8), "little")
        if head > min(size, _LONGEST_HEAD):
            raise ValueError("its head is longer than it can be")
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            unpacked = sum(member.file_size for member in packed.infolist())
        if unpacked > 2 * size + 1_000_000:
            raise ValueError("it unpacks to much more than it is")


def _check_tensors(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Raise InputError where the tensors are larger than their file, or hold what is no number."""
    if sum(tensor.nbytes for tensor in weights.values()) > 2 * path.stat().st_size + 1_000_000:
        raise InputError(f"{path} says that it holds more than is in it. It is damaged; train the model again.")
    for name, tensor in weights.items():
        if tensor.is_sparse or tensor.is_complex() or not bool(torch.isfinite(tensor).all()):
            raise InputError(f"{path} holds what is no number (in {name}). It is damaged; train the model again.")


def write_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write a state dict in the format that the file's suffix says, atomically."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    if path.suffix == ".safetensors":
        write_atomically(path, safetensors_bytes(tensors))
    else:
        buffer = io.BytesIO()
        torch.save(tensors, buffer)
        write_atomically(path, buffer.getvalue())


def load_weights(model: AgeClassifier, weights: Mapping[str, Tensor], name: str) -> None:
    """Put ``weights`` into ``model``; what older versions kept besides weights is left out.

    Args:
        model: with the encoder and the number of cutoffs that the weights belong to.
        weights: a state dict.
        name: what messages call the file.

    Raises:
        InputError: the weights are not those of such a model; the text says of which.
    """
    weights = {key: value for key, value in weights.items() if key not in _NOT_WEIGHTS}
    own = model.state_dict()
    missing = sorted(key for key in own if key not in weights and not key.startswith("bert.pooler."))
    unknown = sorted(key for key in weights if key not in own and not key.startswith("bert.pooler."))
    misfits = [key for key in weights if key in own and weights[key].shape != own[key].shape]
    if missing or unknown or misfits:
        example = (misfits or missing or unknown)[0]
        raise InputError(
            f"The weights in {name} are not those of this encoder with the age head: {len(misfits)} have another size, "
            f"{len(missing)} are missing, {len(unknown)} are unknown (for example {example}). "
            "Say with --model-name-or-path which encoder they belong to."
        )
    model.load_state_dict(weights, strict=False)
