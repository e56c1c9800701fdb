"""Labelled accounts: labels joined with the accounts' files, and what is wrong said before training."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from core.errors import InputError
from core.jobs.progress import Progress
from core.models.training_record import LabelsRecord
from core.storage.account_files import account_files, file_name, read_account
from core.storage.user_lists import read_labels, why_rejected
from core.storage.usernames import canonical_username
from core.training.splits import SHARES, split_accounts
from core.utils.formatting import count

FEW_PER_CLASS = 20
"""With fewer accounts on a side of the cutoff, figures are mostly chance: said, but not refused."""

FEWEST_PER_CLASS = 3
"""One each to train on, to choose by and to test with; fewer are refused."""


@dataclass(frozen=True)
class LabelReport:
    """What became of the lines of a labels file.

    Attributes:
        labelled: accounts with a usable label.
        rejected: reason -> lines of the file that cannot be used, contradicting labels among them.
        not_collected: labelled accounts without a file.
        without_captions: labelled accounts whose posts hold no text.
        unreadable: labelled accounts whose file cannot be read.
        usable: accounts to train with.
        at_least: cutoff -> how many of those are at least that old.
    """

    labelled: int
    rejected: dict[str, int]
    not_collected: int
    without_captions: int
    unreadable: int
    usable: int
    at_least: dict[str, int]

    def problems(self) -> list[str]:
        """What a person should know before training starts, each a sentence with its numbers."""
        found = [f"{count(lines, 'line')} of the labels cannot be used: {why}." for why, lines in self.rejected.items()]
        counts = {
            "have not been collected": self.not_collected,
            "have no caption": self.without_captions,
            "have a file that cannot be read": self.unreadable,
        }
        found += [f"{some} of {self.labelled} labelled accounts {what}." for what, some in counts.items() if some]
        for cutoff, old in self.at_least.items():
            for what, group in ((f"at least {cutoff}", old), (f"under {cutoff}", self.usable - old)):
                if group < FEW_PER_CLASS:
                    found.append(f"Only {count(group, 'usable account')} {what}; with fewer than 20, chance rules.")
        return found

    def record(self) -> LabelsRecord:
        """As records have it."""
        return LabelsRecord(**asdict(self), problems=tuple(self.problems()))


@dataclass
class LabelledAccounts:
    """The accounts that can be learnt from: labelled, collected, with captions; sorted by name.

    Attributes:
        usernames: canonical names.
        ages: [n] in years.
        extra: further columns of the labels file.
        report: what became of the others.
    """

    usernames: list[str]
    ages: npt.NDArray[np.float64]
    report: LabelReport
    extra: dict[str, dict[str, str]] = field(default_factory=dict)
    _files: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._place = {username: index for index, username in enumerate(self.usernames)}

    def captions(self, usernames: Sequence[str]) -> Iterator[list[str]]:
        """The captions of ``usernames``, read from their files one account at a time."""
        for username in usernames:
            yield read_account(self._files[username]).captions

    def age(self, username: str) -> float:
        """In years."""
        return float(self.ages[self._place[username]])

    def at_least(self, cutoffs: Sequence[float], usernames: Sequence[str] | None = None) -> npt.NDArray[np.bool_]:
        """Whether the age of each account (of ``usernames``, or all) is at least each cutoff: [n, cutoffs]."""
        chosen = slice(None) if usernames is None else [self._place[username] for username in usernames]
        return np.asarray(self.ages[chosen][:, None] >= np.asarray(cutoffs))


def read_labelled_accounts(
    input_dir: Path, labels: Path, cutoffs: Sequence[float], progress: Progress
) -> LabelledAccounts:
    """Join a labels file with the accounts' files of a folder.

    Raises:
        InputError: the labels or the folder cannot be used, or no labelled account has captions.
        Stopped: asked to stop.
    """
    users = read_labels(labels)
    ages_told = users.ages_for(cutoffs)
    files = _files_by_name(input_dir, [*ages_told])
    known = sorted(files)
    usable, without_captions, unreadable = [], 0, 0
    progress.update(0, len(known), message="reading labelled accounts")
    for number, username in enumerate(known, start=1):
        progress.check()
        progress.update(number)
        try:
            has_captions = bool(read_account(files[username]).captions)
        except InputError:
            unreadable += 1
            continue
        if has_captions:
            usable.append(username)
        else:
            without_captions += 1
    ages = np.array([ages_told[username] for username in usable])
    undecided = len(users.ages) + len(users.ranges) - len(ages_told)
    rejected = why_rejected(users) | (
        {"the range of ages lies on both sides of a cutoff": undecided} if undecided else {}
    )
    report = LabelReport(
        labelled=len(ages_told),
        rejected=rejected,
        not_collected=len(ages_told) - len(known),
        without_captions=without_captions,
        unreadable=unreadable,
        usable=len(usable),
        at_least={f"{cutoff:g}": int((ages >= cutoff).sum()) for cutoff in cutoffs},
    )
    if not usable:
        raise InputError(f"No labelled account has captions in {input_dir}. {' '.join(report.problems())}")
    extra = {username: users.extra.get(username, {}) for username in usable}
    return LabelledAccounts(usable, ages, report, extra, {username: files[username] for username in usable})


def check_both_classes(report: LabelReport) -> None:
    """Refuse to train where a class has too few accounts to train, choose and test with.

    Raises:
        InputError: with the numbers.
    """
    for cutoff, at_least in report.at_least.items():
        under = report.usable - at_least
        if min(at_least, under) < FEWEST_PER_CLASS:
            raise InputError(
                f"Of {report.usable} usable labelled accounts {at_least} are at least {cutoff} and {under} are under. "
                f"Training needs {FEWEST_PER_CLASS} of each at the very least, better hundreds. Label more accounts, "
                "or choose another cutoff."
            )


def planned_split(at_least: int, under: int) -> dict[str, tuple[int, int]]:
    """Part -> about how many accounts at least and under the cutoff a drawn split will put into it.

    Accounts with the same texts, which stay together, may move it by a few.
    """
    sides = {f"{side}-{n}": side for side, accounts in ((1, at_least), (0, under)) for n in range(accounts)}
    parts = split_accounts(sides, seed=0)
    return {part: (sum(sides[n] for n in names), sum(not sides[n] for n in names)) for part, names in parts.items()}


def labels_needed(per_side: int, at_least: int, under: int) -> int:
    """About how many labelled accounts put ``per_side`` of each side into the test part, in these proportions."""
    rarer = min(at_least, under) / (at_least + under)
    return math.ceil(per_side / SHARES["test"] / rarer / 10) * 10


def _files_by_name(folder: Path, usernames: Sequence[str]) -> dict[str, Path]:
    """Username -> file, also where the file's name is written in capitals or (for a long one) shortened."""
    by_stem = {path.stem: path for path in account_files(folder)}
    by_name = {canonical_username(unquote(stem)): path for stem, path in by_stem.items()}
    found = {name: by_stem.get(file_name(name).removesuffix(".json")) or by_name.get(name) for name in usernames}
    return {name: path for name, path in found.items() if path is not None}
