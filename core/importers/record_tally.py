"""What was met among the records of one file, and what is to be said of it."""

from collections import Counter
from collections.abc import Iterator

from core.importers.by_account import PostsByAccount
from core.importers.json_values import Damage
from core.importers.record_forms import FORMAT, LOOKED_FOR, OF_OTHERS, NoPost, PostRecord
from core.importers.results import Context, Found, LeftOutRecords, NotUnderstood, Recognised, of_garbled
from core.storage.column_meanings import FieldChoice, UntoldCaptions
from core.storage.date_order import DateEvidence
from core.storage.field_names import USUAL_NAMES
from core.storage.not_posts import NO_POSTS
from core.storage.post_parsing import PostReading, post_of
from core.storage.usernames import canonical_username, username_error
from core.utils.encodings import looks_garbled

_ENOUGH = 100_000
"""How many records without a single post among them are enough to give a file up."""

_UNUSABLE = "because the name of their account cannot be used"


class RecordTally:
    """Counts what is kept and what is left out.

    Attributes:
        left_out: what was left out, by reason.
        choice: which field of flat records is what, once that is decided.
        names: the fields of the first flat records.
        remarks: what a person should know of how the file was read, in sentences.
        dates: what dates such as 01/05/2024 show of their order.
        is_for_instaloader: whether Instaloader wrote the file, so that its posts come with all of its folder.
    """

    def __init__(self, context: Context) -> None:
        self.left_out = LeftOutRecords(context.name)
        self.choice: FieldChoice | None = None
        self.names: list[str] = []
        self.remarks: list[str] = []
        self.dates = DateEvidence(context.choices.date_order)
        self.is_for_instaloader = False
        self._context = context
        self._untold = UntoldCaptions()
        self._formats: Counter[str] = Counter()
        self._unread_times: Counter[str] = Counter()
        self._first_damage: Damage | None = None
        self._damages = self._nameless = self._garbled = 0

    @property
    def format_name(self) -> str:
        """The format of most of the posts."""
        return self._formats.most_common(1)[0][0] if self._formats else FORMAT

    @property
    def is_hopeless(self) -> bool:
        """Whether so many records gave no post that the rest is not worth reading."""
        return not self._formats and self.left_out.number > _ENOUGH

    @property
    def unread(self) -> str | None:
        """What of the file could not be read, or None."""
        if self._first_damage is None:
            return None
        where = f"the first: {self._first_damage.place}"
        return f"{self._context.name} has places that could not be read ({self._damages:,}; {where})"

    def damaged(self, damage: Damage) -> NoPost:
        """Count a place that is no JSON."""
        self._damages += 1
        self._first_damage = self._first_damage or damage
        return NoPost(damage.place, f"because {damage.reason}", damage.text)

    def keep(self, item: PostRecord, reading: PostReading, posts: PostsByAccount) -> None:
        """Put a post to its account, or count it with those left out."""
        self._untold.see(item.record, reading.caption is not None)
        name = canonical_username(reading.username or item.owner or self._context.username or "")
        if not name:
            self._nameless += 1
            self.left_out.add("that do not say whose posts they are", item.place, reading.caption or "")
        elif error := username_error(name):
            self.left_out.add(f"{_UNUSABLE} ({error})", item.place, name)
        else:
            self._formats[item.format_name] += 1
            self._garbled += looks_garbled(reading.caption or "")
            if reading.unread_time:
                self._unread_times[reading.unread_time] += 1
            posts.add(name, post_of(reading), reading.undecided_date)

    def found(self, is_useful: bool) -> Iterator[Found]:
        """What is to be said of the file as a whole; ``is_useful`` tells whether anything was understood."""
        if is_useful:
            yield from self.left_out.found()
        else:
            are_others = self.left_out.reasons <= NO_POSTS and not self._nameless
            yield NotUnderstood(self._context.name, self._why_nothing(), is_loss=not are_others)
        if self._formats or (is_useful and self.remarks):
            fields = self.choice.in_words() if self.choice and self.format_name == FORMAT else ""
            dates = self.dates.how_read()
            sentences = [*([f"took {fields}."] if fields else ()), *([dates] if dates else ()), *self.remarks]
            yield Recognised(self._context.name, self.format_name, " ".join(sentences).rstrip("."))
        if said := self._untold.in_words():
            yield NotUnderstood(self._context.name, f"{said}; say which one it is with --column caption=NAME")
        yield from of_garbled(self._context.name, self._garbled)
        if self._unread_times:
            number, example = sum(self._unread_times.values()), next(iter(self._unread_times))
            are = "time is" if number == 1 else "times are"
            said = f"{number:,} {are} in an unknown form (such as {example!r}) and left empty"
            yield NotUnderstood(self._context.name, f"{said}; write them as 2026-10-01T12:00:00Z")

        if undecided := self.dates.why_unread():
            yield NotUnderstood(self._context.name, undecided)

    def _why_nothing(self) -> str:
        shown = ", ".join(repr(name[:30]) for name in self.names[:12])
        if self.is_hopeless and not self._nameless:
            return f"its first {_ENOUGH:,} records hold no post, and the rest was not read; looked for {LOOKED_FOR}"
        if self._nameless:
            looked_for = ", ".join(USUAL_NAMES["username"][:6])
            there = f"; looked for {looked_for}, found {shown}" if shown else ""
            return f"it does not say whose posts these are{there}; give the username"
        if self._first_damage:
            return f"{self._first_damage.place}: {self._first_damage.reason}; fetch it again"
        reasons = [left_out.reason for left_out in self.left_out.found()]
        if unusable := next((reason for reason in reasons if reason.startswith(_UNUSABLE)), None):
            return f"all its posts were left out {unusable}"
        if what := next((reason for reason in reasons if reason in NO_POSTS), None):
            return f"it holds records {what}, and no posts; give the file of the posts"
        if OF_OTHERS in reasons:
            return "it is a part of an export that holds no posts, and was left alone"
        return f"it is JSON of an unknown form; looked for {LOOKED_FOR}" + (f"; found {shown}" if shown else "")
