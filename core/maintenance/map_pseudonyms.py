"""Names into pseudonyms and back, for whoever has the key of a study."""

from core.errors import InputError
from core.maintenance.arguments import PseudonymsArguments
from core.privacy.action_log import record
from core.privacy.names_of_study import key_table, names_in_table, names_of_study, renamed
from core.privacy.pseudonyms import PREFIX, Pseudonyms, open_pseudonyms
from core.privacy.roles import Action, at_command_line
from core.settings import Settings
from core.utils.io import write_atomically


def map_pseudonyms(arguments: PseudonymsArguments, settings: Settings) -> str:
    """The CSV that is asked for; where it is to be a file, that is written, readable by its owner alone.

    Returns:
        The CSV, or a sentence about the file.

    Raises:
        InputError: the table cannot be used, or a pseudonym in it is nobody's whom the study knows.
        AgeScopeError: the key is missing or another one.
    """
    pseudonyms = open_pseudonyms(settings)
    if arguments.table is None:
        if arguments.reverse:
            raise InputError("--reverse says what to do with a table. Name it with --table.")
        content, done = key_table(settings, pseudonyms), "listed all"
    elif arguments.reverse:
        content, done = _with_names(arguments, settings, pseudonyms), "turned a table back"
    else:
        content, done = renamed(arguments.table, pseudonyms.of), "turned a table into pseudonyms"
    record(settings, at_command_line(), Action.MAP_PSEUDONYMS, done)
    if arguments.output is None:
        return content.removesuffix("\n")
    write_atomically(arguments.output, content)
    arguments.output.chmod(0o600)
    return f"{arguments.output} is written, readable by you alone."


def _with_names(arguments: PseudonymsArguments, settings: Settings, pseudonyms: Pseudonyms) -> str:
    assert arguments.table is not None  # whoever calls has looked
    known = names_of_study(settings)
    if arguments.names is not None:
        known |= {*names_in_table(arguments.names)}
    whose = {pseudonym: name for name, pseudonym in pseudonyms.of_all(known).items()}
    unknown: list[str] = []

    def name_of(text: str) -> str:
        if text.startswith(PREFIX) and text not in whose:
            unknown.append(text)
        return whose.get(text, text)

    content = renamed(arguments.table, name_of)
    if unknown:
        raise InputError(
            f"{len(unknown)} pseudonyms of {arguments.table.name} belong to nobody whom this study knows, the first is "
            f"{unknown[0]}. Give a list of the names that it may be with --names."
        )
    return content
