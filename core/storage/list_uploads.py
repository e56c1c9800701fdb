"""A list or labels that somebody hands in: looked at first, kept only when that is asked for."""

from dataclasses import dataclass
from pathlib import Path

from core.storage.csv_records import ListChoices, ListLayout
from core.storage.user_lists import (
    UserList,
    available_name,
    labels_in_list,
    read_labels,
    read_user_list,
    write_user_list,
)
from core.utils.formatting import count

FIRST_ROWS = 10
"""How many rows are shown before a list is kept."""


@dataclass(frozen=True)
class ListUpload:
    """What a file holds.

    Attributes:
        accounts: a list of accounts; None where the file was given as labels.
        labels: ages of accounts; None where the file has none.
    """

    accounts: UserList | None
    labels: UserList | None

    @property
    def main(self) -> UserList:
        """What the file was given for."""
        found = self.accounts or self.labels
        assert found is not None
        return found

    @property
    def is_useful(self) -> bool:
        """Whether there is anything to keep."""
        return bool(self.main.usernames or self.main.ranges)

    def in_words(self) -> list[str]:
        """What the file is and which of its columns were taken for what, in sentences."""
        return [*_said_of(self.main.layout), *self.main.remarks]

    def counts(self) -> list[str]:
        """How much of it can be used."""
        if self.accounts is None:
            parts = [count(len(self.main.ages), "usable age")]
            parts += [f"{count(len(self.main.ranges), 'range')} of ages"] if self.main.ranges else []
        else:
            known = len(self.labels.ages) + len(self.labels.ranges) if self.labels else 0
            parts = [count(len(self.accounts.usernames), "usable account")]
            parts += [f"{known:,} with a known age"] if self.labels else []
        return [*parts, *([count(self.main.duplicates, "duplicate")] if self.main.duplicates else [])]

    def first_rows(self) -> list[dict[str, str]]:
        """The first rows as they would be kept: the account, what is known of its age, and further columns."""
        ages = {name: f"{age:g}" for name, age in self.labels.ages.items()} if self.labels else {}
        ages |= {name: str(answer) for name, answer in self.labels.ranges.items()} if self.labels else {}
        names = [*self.main.usernames, *self.main.ranges][:FIRST_ROWS]
        return [
            {"username": name} | ({"age": ages.get(name, "")} if ages else {}) | self.main.extra.get(name, {})
            for name in names
        ]

    def keep(self, stem: str, lists_dir: Path, labels_dir: Path) -> str:
        """Keep it, and beside it what was left out; no other list of that name is replaced.

        Returns:
            The name under which it is kept.

        Raises:
            AgeScopeError: a folder cannot be written.
        """
        kept = [(lists_dir, self.accounts)] if self.accounts else []
        if self.labels and (self.accounts is None or self.labels.usernames or self.labels.ranges):
            kept.append((labels_dir, self.labels))
        name = available_name(stem, *kept)
        for folder, users in kept:
            write_user_list(folder / f"{name}.csv", users)
        return name


def read_list_upload(content: bytes, name: str, choices: ListChoices, is_labels: bool) -> ListUpload:
    """Look at a file.

    Args:
        content: the bytes of the file.
        name: what messages call it.
        choices: what a person said of it.
        is_labels: whether it is given as labels, which need an age, or as a list of accounts, which may have some.

    Raises:
        InputError: the file as a whole cannot be used.
    """
    if is_labels:
        return ListUpload(None, read_labels(content, name, choices))
    return ListUpload(read_user_list(content, name, choices), labels_in_list(content, name, choices))


def _said_of(layout: ListLayout) -> list[str]:
    if layout.username is None:
        return [f"It is {layout.form}."] if layout.form else []
    ages = f", ages from {layout.age[:40]!r}" if layout.age else ""
    return [f"It is {layout.form}; usernames come from the column {layout.username[:40]!r}{ages}."]
