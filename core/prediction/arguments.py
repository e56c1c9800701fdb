"""What a prediction is asked to do."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import JsonValue

from core.encoder.precision import Precision
from core.errors import InputError
from core.scale.names import EngineName
from core.utils.options import DEVICES, CommandArguments, Option, json_value

_BY_WHOM = frozenset(
    (
        "prediction_output_file",
        "device",
        "cache",
        "engine",
        "workers",
        "shards",
        "address",
        "partition",
        "worker_cpus",
        "leave_out_failed",
        "name",
        "note",
    )
)
"""What says by whom and where the rows are made, and changes none of them."""


@dataclass(frozen=True)
class PredictArguments(CommandArguments):
    """What to predict, with which model: the options of ``predict``.

    ``max_seq_len``, ``age_cutoff`` and ``model_name_or_path`` are None where the model says them.
    ``precision`` "fast" takes the quickest numbers for this machine by which the model loses nothing;
    the run file says which they were. With ``cache`` a later prediction with the same encoder need not
    encode the accounts again.

    Raises:
        InputError: a value cannot be used, or it is not said where the accounts are.
    """

    COMMAND: ClassVar[str] = "predict"

    input_dir: Annotated[
        Path | None, Option("The folder of the accounts' files; or --shards-from.", path="folder", exists=True)
    ] = None
    finetuned_model_path: Annotated[Path, Option("A model's folder, or its weights file.", exists=True)] = field(
        kw_only=True
    )
    prediction_output_file: Annotated[
        Path, Option("The CSV to write, or Parquet where it is called .parquet.", path="file")
    ] = field(kw_only=True)
    shards_from: Annotated[
        str | None, Option("Where export-shards has written the accounts, instead of --input-dir.", metavar="ADDRESS")
    ] = None
    user_file: Annotated[
        Sequence[Path], Option("A list whose accounts alone to predict for.", path="file", exists=True)
    ] = ()
    max_seq_len: Annotated[int | None, Option("Tokens of a caption. Default: the model's, or 18.")] = None
    device: Annotated[str, Option("Where to compute.", choices=DEVICES)] = "cpu"
    age_cutoff: Annotated[float | None, Option("One of the model's cutoffs. Default: 21, or its lowest.")] = None
    model_name_or_path: Annotated[
        str | None, Option("Encoder of a bare state dict. Default: the model's, or bert-base-uncased.")
    ] = None
    precision: Annotated[Precision, Option("How exactly to compute.")] = "exact"
    cache: Annotated[bool, Option("Keep users' vectors on disk.", has_negative=True)] = True
    pseudonymise: Annotated[bool, Option("Write pseudonyms for usernames, for a file that leaves the study.")] = False
    name: Annotated[str, Option("What you call these predictions; their files stay as they are.")] = ""
    note: Annotated[str, Option("What you want to remember of them.")] = ""
    engine: Annotated[
        EngineName,
        Option("Who computes: processes here, Ray, Slurm, or array tasks that you submit; see docs/scale.md."),
    ] = "local"
    workers: Annotated[int, Option("So many at the same time, each with a model of its own.", min=1)] = 1
    shards: Annotated[
        int | None, Option("Cut the accounts into so many parts. Default: 1,000 accounts each at most.", min=1)
    ] = None
    address: Annotated[str | None, Option("Of a Ray cluster. Default: one on this machine.", metavar="HOST:PORT")] = (
        None
    )
    partition: Annotated[str | None, Option("Of Slurm; local runs submitit without Slurm.")] = None
    worker_cpus: Annotated[float, Option("Cores of each worker, for Ray and Slurm.", min=0.1)] = 1
    leave_out_failed: Annotated[
        bool, Option("Do without the accounts of shards that failed three times; the run file names them.")
    ] = False

    def __post_init__(self) -> None:
        if self.max_seq_len is not None and self.max_seq_len < 3:
            raise InputError(f"--max-seq-len must be at least 3 (two special tokens and one), not {self.max_seq_len}.")
        if self.precision not in ("exact", "fast"):
            raise InputError(f"--precision must be exact or fast, not {self.precision!r}.")
        if (self.input_dir is None) == (self.shards_from is None):
            raise InputError("Say where the accounts are: either --input-dir FOLDER or --shards-from ADDRESS.")
        if self.shards_from is not None and self.shards is not None:
            raise InputError("Exported accounts are cut already. Leave --shards out.")
        if self.workers < 1 or (self.shards is not None and self.shards < 1):
            raise InputError("--workers and --shards must be at least 1.")
        if self.pseudonymise and self.in_shards:
            raise InputError(
                "The key of pseudonyms stays on this machine. Predict with names, then run pseudonyms --table."
            )

    @property
    def in_shards(self) -> bool:
        """Whether the accounts are cut into shards."""
        by_several = self.engine != "local" or self.workers > 1 or self.shards is not None
        return by_several or self.shards_from is not None

    @property
    def folder(self) -> Path:
        """The folder of the accounts' files.

        Raises:
            InputError: the accounts are read from Parquet.
        """
        if self.input_dir is None:
            raise InputError("These accounts are read from Parquet shards, not from files: use --input-dir here.")
        return self.input_dir

    def what_is_computed(self) -> dict[str, JsonValue]:
        """The options on which the rows depend, ready for JSON."""
        return {key: value for key, value in self.as_dict().items() if key not in _BY_WHOM}

    def as_dict(self) -> dict[str, JsonValue]:
        """Ready for JSON."""
        return {key: json_value(value) for key, value in asdict(self).items() if key not in ("name", "note")}


@dataclass(frozen=True)
class PredictShardArguments(CommandArguments):
    """Which shards to do: the options of ``predict-shard``."""

    COMMAND: ClassVar[str] = "predict-shard"

    manifest: Annotated[Path, Option("The manifest that predict --engine array wrote.", path="file", exists=True)]
    shard: Annotated[int, Option("The shard's number, from 0.", min=0)]
    step: Annotated[int | None, Option("Also every so many-th after it, with one model loaded.", min=1)] = None


@dataclass(frozen=True)
class ExportShardsArguments(CommandArguments):
    """Which accounts to write as Parquet, and where to: the options of ``export-shards``."""

    COMMAND: ClassVar[str] = "export-shards"

    input_dir: Annotated[Path, Option("The folder of the accounts' files.", path="folder", exists=True)]
    output_dir: Annotated[
        str, Option("An empty folder, or an address of one, such as s3://BUCKET/FOLDER.", metavar="ADDRESS")
    ]
    user_file: Annotated[
        Sequence[Path], Option("A list whose accounts alone to export.", path="file", exists=True)
    ] = ()
    accounts_per_shard: Annotated[
        int, Option("So many in a file, which is what a worker does at a time.", min=1, max=100_000)
    ] = 1_000
