"""AgeScope's own account files, and their older form."""

from typing import Any
from urllib.parse import unquote

from pydantic import ValidationError

from core.importers.results import Context, NotUnderstood, account
from core.storage.account_files import older_account
from core.storage.models import Account, Post

LOOKED_FOR = "an account file (username, posts, outcome; or edge_owner_to_timeline_media)"


def read_account_document(document: dict[str, Any], context: Context) -> Account | NotUnderstood | None:
    """The account of a document, or None where it is no account file."""
    try:
        if "edge_owner_to_timeline_media" in document and "username" not in document:
            older = older_account(document, context.username or unquote(context.stem))
            named = account("older", older.username, older.posts, context)
            return older.model_copy(update={"username": named.username}) if isinstance(named, Account) else named
        if _is_account(document):
            return Account.model_validate(document)
    except (ValidationError, AttributeError, KeyError, TypeError) as error:
        return NotUnderstood(context.name, f"it is a damaged account file ({str(error).splitlines()[0]})")
    return None


def _is_account(document: dict[str, Any]) -> bool:
    """Whether it is a file of ours, or one that somebody wrote by the same rules."""
    if not {"username", "posts"} <= document.keys():
        return False
    posts = document["posts"]
    by_our_rules = isinstance(posts, list) and all(
        isinstance(post, dict) and post.keys() <= Post.model_fields.keys() for post in posts
    )
    return "outcome" in document or by_our_rules
