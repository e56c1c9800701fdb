"""What the run file beside predictions holds: what made them."""

from datetime import datetime

from pydantic import Field, JsonValue, ValidationError

from core.storage.listed import ListFlowRecord
from core.utils.records import Record


class RunRecord(Record):
    """``<stem>.run.json``; None where a file of another version, or another tool, does not say it.

    Attributes:
        created_at: when the run ended.
        model: the model's folder, or its weights file.
        model_made_at: when that was made, which tells it from others in a folder of its name.
        encoder: by name or folder.
        age_cutoff: in years.
        threshold: from which probability on "at least" was predicted.
        precision: at which it was predicted.
        precision_asked_for: at which it should be.
        numbers: in which the encoder computed.
        max_seq_len: tokens of a caption.
        input_dir: whose accounts were predicted.
        shards_from: where they lay as Parquet, instead.
        accounts: rows.
        predicted, at_least, without_captions: of these, with captions, at least at the cutoff, and without captions.
        unreadable: file -> why it has no row.
        seconds: that it took.
        versions: of AgeScope, Python and packages.
        of: of whom the share is meant, and what became of them; None where of everybody.
        drift: how the accounts differ from those that the model learnt from, as :class:`core.statistics.drift.Drift`
            writes itself.
    """

    created_at: datetime | None = None
    model: str | None = None
    model_made_at: datetime | None = None
    encoder: str | None = None
    age_cutoff: float | None = None
    threshold: float | None = None
    precision: str | None = None
    precision_asked_for: str | None = None
    numbers: str | None = None
    max_seq_len: int | None = None
    input_dir: str | None = None
    shards_from: str | None = None
    accounts: int | None = None
    predicted: int | None = None
    at_least: int | None = None
    without_captions: int | None = None
    unreadable: dict[str, str] = Field(default_factory=dict)
    seconds: float | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    of: ListFlowRecord | None = None
    drift: dict[str, JsonValue] | None = None

    def gone(self, rows: int) -> int:
        """How many accounts were predicted and are not among the ``rows`` any more: ``forget`` took them out."""
        return max(0, (self.accounts or 0) - rows)


def run_record_of(details: str | None) -> RunRecord:
    """The record as the index keeps it; an empty one where there is none that can be read."""
    try:
        return RunRecord.model_validate_json(details or "{}")
    except ValidationError:
        return RunRecord()
