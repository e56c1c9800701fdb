"""What a prediction is asked to do."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from core.errors import InputError


@dataclass(frozen=True)
class PredictArguments:
    """What ``predict`` is asked to do; the names are those of the command line.

    Attributes:
        input_dir: the folder of the accounts' files.
        finetuned_model_path: a model's folder, its weights file, or a bare state dict.
        prediction_output_file: the CSV to write.
        max_seq_len: tokens of a caption; None takes the model's own, 18 for a bare state dict.
        device: ``cpu``, ``cuda`` or ``mps``.
        age_cutoff: which of the model's cutoffs; None takes 21 where it has it, else its lowest.
        model_name_or_path: the encoder of a bare state dict; None is ``bert-base-uncased``.
        precision: ``exact`` computes in 32 bits, ``fast`` in the quickest numbers for this machine by which
            the model loses nothing; the run file says which they were.
        cache: keep users' vectors on disk, so that a later prediction with the same encoder need not
            encode them again.

    Raises:
        InputError: a value cannot be used.
    """

    input_dir: Path
    finetuned_model_path: Path
    prediction_output_file: Path
    max_seq_len: int | None = None
    device: str = "cpu"
    age_cutoff: float | None = None
    model_name_or_path: str | None = None
    precision: Literal["exact", "fast"] = "exact"
    cache: bool = True

    def __post_init__(self) -> None:
        if self.max_seq_len is not None and self.max_seq_len < 3:
            raise InputError(f"--max-seq-len must be at least 3 (two special tokens and one), not {self.max_seq_len}.")
        if self.precision not in ("exact", "fast"):
            raise InputError(f"--precision must be exact or fast, not {self.precision!r}.")

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}
