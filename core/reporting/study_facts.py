"""What a report and a text for a paper say of the study itself."""

from dataclasses import dataclass
from datetime import datetime

from core.index import Counts, Store
from core.models.folder import ModelInfo
from core.privacy.study_settings import read_study
from core.settings import Settings
from core.utils.formatting import count, day, moment, number

_METHODS_OF_SOURCE = {
    "web": "collected from Instagram's public pages",
    "graph": "collected by the Graph API",
    "instaloader": "collected with Instaloader",
}


@dataclass(frozen=True)
class StudyFacts:
    """What is known of a study.

    Attributes:
        counts: where it stands.
        title: its name; "" where nobody gave it one.
        sources: where its accounts come from -> how many.
        period: moments of the first and the last post; None where no post has a time.
        collected: days of the first and the last collection; None where nothing was collected.
    """

    counts: Counts
    title: str = ""
    sources: dict[str, int] | None = None
    period: tuple[datetime, datetime] | None = None
    collected: tuple[datetime, datetime] | None = None

    def in_words(self) -> list[str]:
        """As paragraphs."""
        counts = self.counts
        return [
            *([f"Study: {self.title}."] if self.title else []),
            f"{count(counts.listed, 'account')} listed, {number(counts.collected)} collected or imported, "
            f"{number(counts.with_posts)} with captions ({count(counts.posts, 'post')} in all), "
            f"{number(counts.labelled)} with a known age.",
            self.posts_in_words(),
        ]

    def posts_in_words(self) -> str:
        """Where the posts come from, from when they are, and when they were collected."""
        parts = []
        if self.sources:
            each = [f"{number(accounts)} {_source(source)}" for source, accounts in self.sources.items()]
            parts.append(f"The accounts: {', '.join(each)}.")
        if self.period:
            parts.append(f"Their posts are from {_days(self.period)}.")
        if self.collected:
            first, last = map(day, self.collected)
            parts.append(
                f"They were collected or imported {f'on {first}' if first == last else f'from {first} to {last}'}."
            )
        return " ".join(parts)


def study_facts(store: Store, settings: Settings) -> StudyFacts:
    """What the index and the study's settings say."""
    per_day, sources = store.collected_per_day(), store.sources()
    days = per_day["day"].dropna()
    return StudyFacts(
        counts=store.counts(),
        title=read_study(settings).title.strip(),
        sources=dict(zip(sources["source"].fillna("").astype(str), map(int, sources["accounts"]), strict=True)),
        period=store.period(),
        collected=(days.iloc[0].to_pydatetime(), days.iloc[-1].to_pydatetime()) if len(days) else None,
    )


def ages_in_words(model: ModelInfo | None) -> str:
    """Where the ages came from by which the model learnt, and by which seed they were divided."""
    if model is None:
        return ""
    record = model.training
    labels, seed = record.arguments.get("labels"), record.arguments.get("seed")
    file = f" in the file {str(labels).replace(chr(92), '/').rsplit('/', 1)[-1]}" if labels else ""
    drawn = f", divided at random by the seed {seed}" if seed is not None and not record.arguments.get("split") else ""
    return (
        f"The ages are those{file}: {count(record.labels.usable, 'account')} of known age with captions{drawn}. The "
        f"model {model.name} was made on {moment(record.created_at)}."
    )


def _source(source: str) -> str:
    if source.startswith("import"):
        kind = source.partition(":")[2]
        return f"imported ({kind})" if kind else "imported"
    return _METHODS_OF_SOURCE.get(source, f"from {source}" if source else "of unknown source")


def _days(period: tuple[datetime, datetime]) -> str:
    first, last = map(day, period)
    return first if first == last else f"{first} to {last}"
