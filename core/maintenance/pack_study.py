"""A study in one file without captions and names, and its check elsewhere.

The file is a ZIP: what the study says of itself, each model's settings, figures, versions and split by
pseudonym, each run's predictions by pseudonym, and a digest of everything, that of the accounts' files too.
Only what stands here is put in; a field that a later version adds stays out until somebody decides about it.
"""

import csv
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import orjson
from pydantic import ValidationError

from core import __version__
from core.errors import AgeScopeError, InputError
from core.maintenance.arguments import PackStudyArguments, UnpackStudyArguments
from core.models.folder import TEST_FILE, UNSEEN_FILE, VALIDATION_FILE, ModelInfo, list_models
from core.privacy.names_of_study import renamed
from core.privacy.pseudonyms import open_pseudonyms
from core.privacy.study_settings import read_study
from core.settings import Settings
from core.storage.account_files import account_files
from core.storage.predictions_file import predictions_in
from core.storage.run_record import RunRecord
from core.training.arguments import TrainArguments
from core.utils.formatting import count
from core.utils.io import write_atomically
from core.utils.records import Record, find_record

MANIFEST = "manifest.json"
_FORMAT = 1
_OF_STUDY = {"title", "question", "cutoff", "institution", "purpose", "legal_basis", "review_board", "keep_until"}
_OF_TRAINING = {
    "created_at", "method", "settings", "epochs", "best_epoch", "stopped", "twins_apart", "validation", "test",
    "cross_fitted", "calibration", "seconds", "versions",
}  # fmt: skip
_OF_LABELS = {"labelled", "not_collected", "without_captions", "unreadable", "usable", "at_least"}
_OF_RUN = {
    "created_at", "age_cutoff", "threshold", "precision", "numbers", "max_seq_len", "accounts", "predicted", "at_least",
    "without_captions", "seconds", "versions",
}  # fmt: skip
_LARGEST = 500_000_000


class Manifest(Record):
    """``manifest.json``: what made the file, and the SHA-256 of each other one in it."""

    format: int
    agescope: str
    files: dict[str, str]


def pack_study(asked: PackStudyArguments, settings: Settings) -> str:
    """Write the file; returns a sentence about what is in it.

    Raises:
        AgeScopeError: see :func:`packed_study`, or the file cannot be written.
    """
    content, files = packed_study(settings)
    write_atomically(asked.file, content)
    return f"{asked.file} holds {count(files, 'file')}, with pseudonyms for names and no captions."


def packed_study(settings: Settings) -> tuple[bytes, int]:
    """A study as a ZIP, and how many files are in it.

    Raises:
        AgeScopeError: the study's key of pseudonyms is missing.
        InputError: a file of the study is damaged.
    """
    pseudonym = open_pseudonyms(settings).of
    files = dict(_contents(settings, pseudonym))
    manifest = Manifest(format=_FORMAT, agescope=__version__, files={name: _digest(it) for name, it in files.items()})
    files[MANIFEST] = _json(manifest.model_dump(mode="json"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue(), len(files)


def unpack_study(asked: UnpackStudyArguments) -> list[str]:
    """Check a packed study and lay its files down; returns a sentence for each thing that was checked.

    Raises:
        InputError: it is no packed study, or one of its files is not what it was when it was packed.
        AgeScopeError: the folder is not empty, or cannot be written.
    """
    files = _read_pack(asked.file)
    if asked.output_dir.is_dir() and any(asked.output_dir.iterdir()):
        raise AgeScopeError(f"{asked.output_dir} is not empty. Name a new folder.")
    for name, content in files.items():
        write_atomically(asked.output_dir / name, content)
    runs = [name for name in files if name.startswith("predictions/") and name.endswith(".csv")]
    checked = [_check_run(name, files) for name in sorted(runs)]
    return [f"{count(len(files), 'file')}, each of which is as it was packed.", *checked]


def _contents(settings: Settings, pseudonym: Callable[[str], str]) -> Iterator[tuple[str, bytes]]:
    yield "study.json", _json(read_study(settings).model_dump(mode="json", include=_OF_STUDY))
    yield (
        "digests.json",
        _json(
            {
                "accounts": _digest_of(account_files(settings.accounts_dir))
                if settings.accounts_dir.is_dir()
                else None,
                **{
                    f"labels/{at}": _digest(path.read_bytes())
                    for at, path in enumerate(sorted(settings.labels_dir.glob("*.csv")))
                },
            }
        ),
    )
    for model in list_models(settings.models_dir):
        yield from _of_model(model, pseudonym)
    for path in sorted(map(predictions_in, settings.predictions_dir.glob("*/"))):
        if not path.is_file():
            continue
        run = find_record(RunRecord, path.with_name("predictions.run.json")) or RunRecord()
        about = run.model_dump(mode="json", include=_OF_RUN)
        if run.model:
            about["model"] = Path(run.model).name
        yield f"predictions/{path.parent.name}/predictions.csv", renamed(path, pseudonym).encode()
        yield f"predictions/{path.parent.name}/run.json", _json(about)


def _of_model(model: ModelInfo, pseudonym: Callable[[str], str]) -> Iterator[tuple[str, bytes]]:
    about = model.training.model_dump(mode="json", include=_OF_TRAINING)
    options = TrainArguments.options()
    is_path = {name for name, option in options.items() if Path in option.types}
    given = {name: it for name, it in model.training.arguments.items() if name in options and name not in is_path}
    about["arguments"] = given
    about["labels"] = model.training.labels.model_dump(mode="json", include=_OF_LABELS)
    about["split"] = {part: sorted(map(pseudonym, names)) for part, names in model.training.split.items()}
    weights = model.folder / model.settings.weights
    about["weights_sha256"] = _digest_of([weights]) if weights.is_file() else None
    yield f"models/{model.name}/training.json", _json(about)
    for name in (VALIDATION_FILE, TEST_FILE, UNSEEN_FILE):
        if (model.folder / name).is_file():
            yield f"models/{model.name}/{name}", renamed(model.folder / name, pseudonym).encode()


def _read_pack(path: Path) -> dict[str, bytes]:
    """The files of a packed study, each as its manifest says."""
    refused = f"{path} is not a packed study of AgeScope, or it is damaged"
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _LARGEST:
                raise InputError(f"{path} holds more than {_LARGEST // 1_000_000} MB, more than a packed study does.")
            files = {member.filename: archive.read(member) for member in archive.infolist()}
        manifest = Manifest.model_validate_json(files.pop(MANIFEST))
    except (OSError, KeyError, zipfile.BadZipFile, ValidationError, NotImplementedError) as error:
        raise InputError(f"{refused}. Ask whoever packed it for it again.") from error
    if files.keys() != manifest.files.keys() or not all(map(_is_plain, files)):
        raise InputError(f"{refused}: it holds other files than it says.")
    for name, content in files.items():
        if _digest(content) != manifest.files[name]:
            raise InputError(f"{refused}: {name} is not what it was when it was packed.")
    return files


def _is_plain(name: str) -> bool:
    """Whether a name leads to no other folder than the one that it is written below."""
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and "\\" not in name and ":" not in name


def _check_run(name: str, files: dict[str, bytes]) -> str:
    """Whether a run's rows are as many, and as many of them at least at the cutoff, as its record says."""
    rows = [*csv.DictReader(io.StringIO(files[name].decode()))]
    about = orjson.loads(files[name.replace("predictions.csv", "run.json")])
    found = {
        "accounts": len(rows),
        "predicted": sum(bool(row["probability"]) for row in rows),
        "at_least": sum(row["prediction"] == "1" for row in rows),
    }
    run = PurePosixPath(name).parent.name
    other = {key: it for key, it in found.items() if about.get(key) not in (None, it)}
    said = ", ".join(f"{key.replace('_', ' ')} {it:,}" for key, it in found.items())
    if other:
        return f"{run}: the record says otherwise than its rows ({said})."
    return f"{run}: {said}, as its record says or leaves open."


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest_of(paths: Iterator[Path] | list[Path]) -> str:
    """One digest of several files, in the order of their names."""
    whole = hashlib.sha256()
    for path in sorted(paths):
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)
