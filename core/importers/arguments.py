"""What an import is asked to do."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from core.utils.options import CommandArguments, Option


@dataclass(frozen=True)
class ImportArguments(CommandArguments):
    """What to take in, and where to: the options of ``import``."""

    COMMAND: ClassVar[str] = "import"

    source_path: Annotated[
        Path, Option("A file or a folder, recognised by its content.", exists=True, is_positional=True)
    ]
    output_dir: Annotated[Path, Option("Where the accounts' files go.", path="folder")]
    username: Annotated[str | None, Option("Whose posts they are, where the source does not say.")] = None
