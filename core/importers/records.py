"""Records of posts in JSON, whatever tool wrote them: each is read for itself, so that an odd one costs only itself."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from core.importers.by_account import PostsByAccount
from core.importers.instaloader import InstaloaderFiles
from core.importers.json_values import Damage, Remark, Value
from core.importers.record_forms import FORMAT, Item, NoPost, PostRecord, is_header, items_of
from core.importers.record_tally import RecordTally
from core.importers.results import Context, Found, account, with_ids
from core.storage.column_meanings import SAMPLE, FieldChoice, choose_fields
from core.storage.field_names import Field
from core.storage.field_values import flattened
from core.storage.models import Post
from core.storage.post_parsing import PostReading, read_record
from core.storage.text_tables import MISSING


def read_values(
    values: Iterable[Value | Damage | Remark],
    context: Context,
    files: InstaloaderFiles,
) -> Iterator[Found]:
    """The accounts of a file's values, then what was left out and why.

    Args:
        values: the values of the file.
        context: where it was found.
        files: takes what Instaloader wrote, of which only all files of a folder together tell the owner.
    """
    chosen = context.columns
    tally = RecordTally(context)
    is_useful = False
    with PostsByAccount(tally.dates) as posts:
        for item in _in_order(_items(values, context, files, tally), tally, chosen):
            if isinstance(item, PostRecord):
                tally.keep(item, _reading(item, tally.choice, chosen), posts)
            elif isinstance(item, NoPost):
                tally.left_out.add(item.reason, item.place, item.text, is_loss=item.is_loss)
            else:
                is_useful = True
                yield item
        for username, mine in posts.accounts():
            is_useful = True
            sound = soundly_numbered(mine) if tally.format_name == FORMAT else with_ids(mine)
            yield account(tally.format_name, username, sound, context, tally.unread)
    yield from tally.found(is_useful or tally.is_for_instaloader)


def _items(
    values: Iterable[Value | Damage | Remark], context: Context, files: InstaloaderFiles, tally: RecordTally
) -> Iterator[Item]:
    header: list[str] = []
    for value in values:
        if tally.is_hopeless:
            return
        if isinstance(value, Remark):
            tally.remarks.append(value.text)
        elif isinstance(value, Damage):
            yield tally.damaged(value)
        elif files.take(value.content, context):
            tally.is_for_instaloader = True
        elif not header and is_header(value.content):
            header = value.content
        elif header and isinstance(value.content, list) and len(value.content) == len(header):
            yield from items_of(dict(zip(header, value.content, strict=True)), value.place, context)
        else:
            yield from items_of(value.content, value.place, context)


def _in_order(items: Iterable[Item], tally: RecordTally, chosen: Mapping[Field, str] | None) -> Iterator[Item]:
    """The items, those with fields to choose only once enough of them are there to judge by."""
    waiting: list[PostRecord] = []
    for item in items:
        if tally.choice or not isinstance(item, PostRecord) or item.reading:
            yield item
            continue
        waiting.append(item)
        if len(waiting) >= SAMPLE:
            _choose(waiting, tally, chosen)
            yield from waiting
    if not tally.choice and waiting:
        _choose(waiting, tally, chosen)
        yield from waiting


def _choose(waiting: list[PostRecord], tally: RecordTally, chosen: Mapping[Field, str] | None) -> None:
    samples = [item.record for item in waiting]
    tally.names = list(dict.fromkeys(name for record in samples for name in record))
    tally.choice = choose_fields(tally.names, samples, chosen)


def _reading(item: PostRecord, choice: FieldChoice | None, chosen: Mapping[Field, str] | None) -> PostReading:
    """What a post says; a record that has other names than the first ones is read by its own."""
    if chosen and item.record:
        return read_record(item.record, choose_fields(flattened(item.record), (), chosen))
    if item.reading:
        return item.reading
    has_chosen = choice is not None and any(name in item.record for name in choice.names["caption"])
    return _without_missing(read_record(item.record, choice if has_chosen else None))


def _without_missing(reading: PostReading) -> PostReading:
    """A reading without the words that R and Python write for what is missing; JSON itself would say null."""
    return replace(
        reading,
        username=None if reading.username in MISSING else reading.username,
        caption=None if reading.caption in MISSING else reading.caption,
        unread_time=None if reading.unread_time in MISSING else reading.unread_time,
    )


def soundly_numbered(posts: list[Post]) -> list[Post]:
    """Posts without the ids and short codes that stand for something else than a post, as a user's number does."""
    if not _tells_posts_apart((post.shortcode, post.caption) for post in posts):
        posts = [post.model_copy(update={"shortcode": None, "id": _without_code(post)}) for post in posts]
    if not _tells_posts_apart((post.id, post.caption) for post in posts):
        posts = [post.model_copy(update={"id": post.shortcode or ""}) for post in posts]
    return with_ids(posts)


def _without_code(post: Post) -> str:
    return "" if post.id == post.shortcode else post.id


def _tells_posts_apart(named: Iterable[tuple[str | None, str | None]]) -> bool:
    """Whether no name stands for two captions."""
    captions: dict[str, str | None] = {}
    return all(captions.setdefault(name, caption) == caption for name, caption in named if name)
