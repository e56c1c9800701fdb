"""What the answers of all coders come to: agreed, settled, or still to settle; and the files that take them on."""

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.labelling.batches import Batch
from core.labelling.records import SKIPPED, Record, answers_of, coders_of
from core.statistics.agreement import MISSING, Codes, cohens_kappa, krippendorffs_alpha
from core.statistics.estimate import Estimate
from core.storage.age_answers import AgeAnswer
from core.storage.audit_file import HEADER
from core.utils.spreadsheets import safe_name

Side = Literal["under", "at least", "cannot tell"]
SIDES: tuple[Side, ...] = ("under", "at least", "cannot tell")


@dataclass(frozen=True)
class Verdict:
    """What is known of one account.

    Attributes:
        answers: by coder, in alphabetical order.
        answer: that counts; None where coders disagree and have not settled it.
        settled_by: who settled it, if somebody did.
        evidence: by what the answer is told.
    """

    username: str
    answers: dict[str, Record]
    answer: str | None
    settled_by: str | None
    evidence: str


@dataclass(frozen=True)
class Agreement:
    """How far the coders agree on the side of the cutoff ("cannot tell" is a side of its own).

    Attributes:
        coders: who labelled anything.
        accounts: labelled by two or more.
        same: of these, on how many all say the same.
        kappa: Cohen's, for each pair of coders.
        alpha: Krippendorff's, of all coders.
    """

    coders: list[str]
    accounts: int
    same: int
    kappa: dict[tuple[str, str], Estimate]
    alpha: Estimate


def side_of(answer: AgeAnswer, cutoff: float) -> Side:
    """On which side of the cutoff an answer lies; "cannot tell" where it leaves that open."""
    at_least = answer.at_least(cutoff)
    return "cannot tell" if at_least is None else "at least" if at_least else "under"


def verdicts(batch: Batch, records: Sequence[Record]) -> list[Verdict]:
    """What is known of each account that anybody has labelled, in the order of the batch."""
    by_coder = {coder: answers_of(records, coder) for coder in coders_of(records)}
    settled = {record.username: record for record in records if record.evidence == "settled"}
    found = []
    for username in batch.usernames:
        answers = {
            coder: own[username]
            for coder, own in by_coder.items()
            if username in own and own[username].answer != SKIPPED
        }
        if answers or username in settled:
            found.append(_verdict(username, answers, settled.get(username), batch.cutoff))
    return found


def _verdict(username: str, answers: dict[str, Record], settled: Record | None, cutoff: float) -> Verdict:
    if settled is not None:
        return Verdict(username, answers, settled.answer, settled.coder, "settled")
    sides = {side_of(record.age, cutoff) for record in answers.values()}
    evidence = ", ".join(sorted({record.evidence for record in answers.values()}))
    return Verdict(username, answers, _together([*answers.values()]) if len(sides) == 1 else None, None, evidence)


def _together(records: Sequence[Record]) -> str:
    """One answer of several that lie on the same side: the ages that they hold between them."""
    written = {record.answer for record in records}
    if len(written) == 1:
        return written.pop()
    low = min(record.age.low for record in records)
    return str(AgeAnswer(low, max(_end(record.age) for record in records)))


def _end(answer: AgeAnswer) -> float:
    """Below which age an answer lies."""
    return math.floor(answer.high) + 1 if answer.low == answer.high else answer.high


def disagreements(found: Iterable[Verdict]) -> list[Verdict]:
    """The accounts that coders put on different sides and have not settled."""
    return [verdict for verdict in found if verdict.answer is None]


def agreement(batch: Batch, records: Sequence[Record]) -> Agreement:
    """How far the coders agree on what each of them said alone, before anything was settled."""
    coders, codes = _codes(batch, records)
    shared = (codes != MISSING).sum(0) >= 2
    same = [len(set(column[column != MISSING].tolist())) == 1 for column in codes[:, shared].T]
    pairs = [(a, b) for a in range(len(coders)) for b in range(a + 1, len(coders))]
    kappa = {}
    for a, b in pairs:
        both = (codes[a] != MISSING) & (codes[b] != MISSING)
        kappa[coders[a], coders[b]] = cohens_kappa(codes[a, both], codes[b, both])
    return Agreement(coders, int(shared.sum()), sum(same), kappa, krippendorffs_alpha(codes))


def _codes(batch: Batch, records: Sequence[Record]) -> tuple[list[str], Codes]:
    """[coders, accounts] the side that each coder said."""
    coders = coders_of(records)
    codes = np.full((len(coders), len(batch.usernames)), MISSING, dtype=np.int64)
    place = {username: at for at, username in enumerate(batch.usernames)}
    for at, coder in enumerate(coders):
        for username, record in answers_of(records, coder).items():
            if record.answer != SKIPPED and username in place:
                codes[at, place[username]] = SIDES.index(side_of(record.age, batch.cutoff))
    return coders, codes


def sides_counted(found: Iterable[Verdict], cutoff: float) -> dict[Side, int]:
    """How many accounts lie on each side, of those with an answer that counts."""
    counts = Counter(side_of(Record(username="", coder="", answer=v.answer).age, cutoff) for v in found if v.answer)
    return {side: counts[side] for side in SIDES}


def labels_csv(found: Iterable[Verdict]) -> str:
    """A labels file: ``username``, ``age`` (also "under 21" and the like), who, when, and by what evidence.

    Accounts that cannot be told, and those still to settle, are not in it.
    """
    rows = [
        (
            verdict.username,
            verdict.answer,
            " & ".join(verdict.answers) or verdict.settled_by,
            max((record.at for record in verdict.answers.values()), default=None),
            verdict.evidence,
        )
        for verdict in found
        if verdict.answer and not _is_open(verdict.answer)
    ]
    return _csv(("username", "age", "labelled_by", "labelled_at", "evidence"), rows)


def audit_csv(batch: Batch, found: Iterable[Verdict]) -> str:
    """The audit sample of a batch with its ages filled in; empty where nothing counts yet."""
    known = {verdict.username: verdict.answer or "" for verdict in found}
    return _csv(HEADER, [(username, known.get(username, ""), batch.draw) for username in batch.usernames])


def _is_open(answer: str) -> bool:
    return Record(username="", coder="", answer=answer).age == AgeAnswer()


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([safe_name("" if cell is None else str(cell)) for cell in row] for row in rows)
    return buffer.getvalue()
