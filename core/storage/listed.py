"""Of whom a share is: named lists of accounts, and what became of each account on the way to an estimate."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

from core.errors import InputError
from core.storage.account_files import file_name, read_account
from core.storage.csv_records import ListRows
from core.storage.usernames import canonical_username, username_error
from core.utils.formatting import count, number

STEPS = {
    "not_collected": "not collected",
    "private": "private",
    "not_found": "not found",
    "failed": "failed to be collected",
    "not_predicted": "not among the predictions",
    "without_captions": "without captions",
    "known_to_the_model": "known to the model, which learnt from them, was chosen or tested by them",
    "estimated": "left to estimate from",
}
"""What becomes of an account of a list, each of exactly one, with the words for it."""

_UNREACHED = {"private", "not_found", "failed"}


@dataclass(frozen=True)
class NamedList:
    """One list of accounts, or several put together.

    Attributes:
        names: of the lists.
        usernames: each account once, in the order of the lists.
        unusable_lines: lines that name no account.
    """

    names: tuple[str, ...]
    usernames: tuple[str, ...]
    unusable_lines: int = 0


def read_named_list(paths: Sequence[Path]) -> NamedList:
    """Read lists and put them together; names of imported accounts, which Instagram would not allow, count too.

    Raises:
        InputError: a file cannot be used, or no line names an account.
    """
    usernames: dict[str, None] = {}
    unusable = 0
    for path in paths:
        for row in ListRows(path, path.name):
            username = "" if row.fault else canonical_username(row.cells["username"])
            if row.fault or username_error(username):
                unusable += 1
            else:
                usernames[username] = None
    names = tuple(path.name for path in paths)
    if not usernames:
        raise InputError(f"{', '.join(names)} names no account. Give a list with one username a line.")
    return NamedList(names, tuple(usernames), unusable)


def wanted_files(files: Iterable[Path], of: NamedList | None) -> Iterable[Path]:
    """The files of a list's accounts; all where there is no list."""
    if of is None:
        return files
    wanted = is_wanted(of)
    return (path for path in files if wanted(path.name))


def is_wanted(of: NamedList) -> Callable[[str], bool]:
    """Whether a file of that name is one of a list's accounts."""
    names = {file_name(username) for username in of.usernames}
    return lambda name: name in names or name.lower() in names


class ListFlowRecord(TypedDict):
    """:class:`ListFlow` as files have it: the names of the lists, and the numbers."""

    lists: list[str]
    listed: int
    unusable_lines: int
    flow: dict[str, int]
    missing: int


class Interval(TypedDict):
    """A share with its 95 % interval."""

    value: float | None
    low: float | None
    high: float | None


class Bounds(TypedDict):
    """The share of a whole list if none, and if all, of the missing accounts are at least at the cutoff.

    Attributes:
        none_at_least, all_at_least: both.
        low, high: the low end of the interval of the first, and the high end of the second's.
    """

    none_at_least: float | None
    all_at_least: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ListFlow:
    """How many accounts of a list end in which of :data:`STEPS`; the numbers add up to those listed."""

    of: NamedList
    steps: Mapping[str, int]

    @property
    def listed(self) -> int:
        """Different accounts of the list."""
        return len(self.of.usernames)

    @property
    def missing(self) -> int:
        """Accounts that no estimate is about."""
        return self.listed - self.steps["estimated"]

    def as_json(self) -> "ListFlowRecord":
        """Ready for JSON."""
        return {
            "lists": [*self.of.names],
            "listed": self.listed,
            "unusable_lines": self.of.unusable_lines,
            "flow": dict(self.steps),
            "missing": self.missing,
        }

    def in_words(self) -> str:
        """The flow as a sentence whose numbers add up."""
        parts = [f"{number(at)} {STEPS[step]}" for step, at in self.steps.items() if at or step == "estimated"]
        return f"The list {' and '.join(self.of.names)} names {count(self.listed, 'account')}: {', '.join(parts)}."

    def bounds(self, value: float | None, low: float | None, high: float | None, missing: int | None = None) -> Bounds:
        """The share of the whole list if none, and if all, of the missing accounts are at least at the cutoff.

        Args:
            value: the share of the accounts that are not missing; None where it is not known.
            low: of its interval.
            high: of its interval.
            missing: how many are; None for :attr:`missing`.
        """
        missing = self.missing if missing is None else missing
        if value is None or low is None or high is None or not self.listed:
            return {"none_at_least": None, "all_at_least": None, "low": None, "high": None}
        there = self.listed - missing
        return {
            "none_at_least": value * there / self.listed,
            "all_at_least": (value * there + missing) / self.listed,
            "low": low * there / self.listed,
            "high": (high * there + missing) / self.listed,
        }


def flow_of(
    of: NamedList,
    predicted: Mapping[str, bool],
    known: Collection[str] = (),
    folder: Path | None = None,
    outcomes: Mapping[str, str] | None = None,
) -> ListFlow:
    """What became of each account of a list.

    Args:
        of: the list.
        predicted: of each account of a prediction run, whether it has a probability.
        known: accounts that made the model or tell its errors, of which no estimate is made.
        folder: where the accounts' files are, which say why some have no captions.
        outcomes: what is known of that where there is no folder, by username.
    """
    steps = Counter(_step(username, predicted, known, folder, outcomes or {}) for username in of.usernames)
    return ListFlow(of, {step: steps[step] for step in STEPS})


def _step(
    username: str,
    predicted: Mapping[str, bool],
    known: Collection[str],
    folder: Path | None,
    outcomes: Mapping[str, str],
) -> str:
    if predicted.get(username):
        return "known_to_the_model" if username in known else "estimated"
    absent = "without_captions" if username in predicted else "not_predicted"
    if folder is None:
        outcome = outcomes.get(username, "")
        return outcome if outcome in _UNREACHED else absent
    try:
        outcome = str(read_account(folder / file_name(username)).outcome)
    except InputError:  # no file, or one that holds no account
        return "without_captions" if username in predicted else "not_collected"
    return outcome if outcome in _UNREACHED else absent
