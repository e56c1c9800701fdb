"""What an evaluation and an estimate of the share are asked to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from core.storage.audit_file import Design
from core.utils.options import CommandArguments, Option


@dataclass(frozen=True)
class EvaluateArguments(CommandArguments):
    """Which predictions to compare with which labels: the options of ``evaluate``."""

    COMMAND: ClassVar[str] = "evaluate"

    predictions: Annotated[Path, Option("The CSV that predict wrote.", exists=True)]
    labels: Annotated[Path, Option("A CSV with the columns username and age.", exists=True)]
    age_cutoff: Annotated[float, Option("Who counts as at least at the cutoff.")] = 21
    include_training: Annotated[bool, Option("Count accounts that made the model as well.")] = False


@dataclass(frozen=True)
class PrevalenceArguments(CommandArguments):
    """From which predictions to estimate the share: the options of ``prevalence``."""

    COMMAND: ClassVar[str] = "prevalence"

    predictions: Annotated[Path, Option("The CSV that predict wrote.", exists=True)]
    model: Annotated[Path | None, Option("The folder of the model that made it.", path="folder", exists=True)] = None
    user_file: Annotated[
        Sequence[Path], Option("A list whose share is meant; several are put together.", path="file", exists=True)
    ] = ()
    input_dir: Annotated[
        Path | None,
        Option(
            "The folder of the accounts' files, to see whether they write like those of the training. Default: where "
            "predict found them.",
            path="folder",
            exists=True,
        ),
    ] = None
    by: Annotated[str | None, Option("A column of the list: its groups side by side. 'list': each list.")] = None
    audit: Annotated[
        Sequence[Path],
        Option(
            "What audit-sample wrote, with ages filled in. With --by, also one of each group, for their difference.",
            path="file",
            exists=True,
        ),
    ] = ()
    age_cutoff: Annotated[float | None, Option("One of the model's cutoffs; any without. Default: 21.")] = None
    threshold: Annotated[float | None, Option("Count from here on. Default: the model's.")] = None


@dataclass(frozen=True)
class AuditSampleArguments(CommandArguments):
    """Which accounts to draw for labelling: the options of ``audit-sample``."""

    COMMAND: ClassVar[str] = "audit-sample"

    predictions: Annotated[Path, Option("The CSV that predict wrote.", exists=True)]
    size: Annotated[int, Option("How many accounts to draw.", min=2)]
    output: Annotated[Path, Option("The CSV to write.", path="file")]
    design: Annotated[Design, Option("Each with the same chance, or evenly over all probabilities.")] = "simple"
    seed: Annotated[int, Option("Of the draw; the same one draws the same accounts.")] = 2021
    user_file: Annotated[
        Sequence[Path], Option("A list to draw from; several are put together.", path="file", exists=True)
    ] = ()
