"""What a prediction is asked to do."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import JsonValue

from core.encoder.precision import Precision
from core.errors import InputError
from core.utils.options import DEVICES, CommandArguments, Option, json_value


@dataclass(frozen=True)
class PredictArguments(CommandArguments):
    """What to predict, with which model: the options of ``predict``.

    ``max_seq_len``, ``age_cutoff`` and ``model_name_or_path`` are None where the model says them.
    ``precision`` "fast" takes the quickest numbers for this machine by which the model loses nothing;
    the run file says which they were. With ``cache`` a later prediction with the same encoder need not
    encode the accounts again.

    Raises:
        InputError: a value cannot be used.
    """

    COMMAND: ClassVar[str] = "predict"

    input_dir: Annotated[Path, Option("The folder of the accounts' files.", path="folder", exists=True)]
    finetuned_model_path: Annotated[Path, Option("A model's folder, or its weights file.", exists=True)]
    prediction_output_file: Annotated[Path, Option("The CSV to write.", path="file")]
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

    def __post_init__(self) -> None:
        if self.max_seq_len is not None and self.max_seq_len < 3:
            raise InputError(f"--max-seq-len must be at least 3 (two special tokens and one), not {self.max_seq_len}.")
        if self.precision not in ("exact", "fast"):
            raise InputError(f"--precision must be exact or fast, not {self.precision!r}.")

    def as_dict(self) -> dict[str, JsonValue]:
        """Ready for JSON."""
        return {key: json_value(value) for key, value in asdict(self).items() if key not in ("name", "note")}
