"""Whose posts an answer holds: those of the account that was asked for, or somebody else's."""

from dataclasses import dataclass
from typing import Any

from core.instagram.errors import AnotherAccountsAnswer
from core.storage.models import Post
from core.storage.post_parsing import parse_post
from core.utils.formatting import count


@dataclass(frozen=True)
class Owner:
    """Whose posts were asked for.

    Attributes:
        username: the account.
        user_id: its id, where it is known.
    """

    username: str
    user_id: str | None = None

    def check(self, user: dict[str, Any], route: str) -> None:
        """Refuse the profile of another account.

        Raises:
            AnotherAccountsAnswer: its name is another.
        """
        name = user.get("username")
        if isinstance(name, str) and not self._is(name, None):
            raise AnotherAccountsAnswer("another account's profile", route)

    def posts(self, nodes: list[dict[str, Any]], route: str) -> tuple[list[Post], int]:
        """The posts among ``nodes`` that are this account's, and how many are not.

        Raises:
            AnotherAccountsAnswer: none is.
        """
        own = [node for node in nodes if self.owns(node)]
        if nodes and not own:
            raise AnotherAccountsAnswer(f"{count(len(nodes), 'post')} of other accounts", route)
        return [post for post in map(parse_post, own) if post], len(nodes) - len(own)

    def owns(self, node: dict[str, Any]) -> bool:
        """Whether a post is this account's, alone or together with others, or does not say whose it is."""
        owner = node.get("user") or node.get("owner")
        if not isinstance(owner, dict):
            return True
        others = [author for author in node.get("coauthor_producers") or [] if isinstance(author, dict)]
        names = [_name_and_id(author) for author in (owner, *others)]
        return names[0] == (None, None) or any(self._is(*told) for told in names)

    def _is(self, username: str | None, user_id: str | None) -> bool:
        if username is None and self.user_id is None:
            return True  # an id alone, with nothing to compare it with
        same_name = username is not None and username.lower() == self.username.lower()
        return same_name or (user_id is not None and user_id == self.user_id)


def text_id(value: object) -> str | None:
    """``value`` as an id, whether it came as a number or as a text; None if it is neither."""
    return str(value) if isinstance(value, str | int) and value else None


def _name_and_id(author: dict[str, Any]) -> tuple[str | None, str | None]:
    """As far as they are told; an ``id`` beside a ``pk`` counts something else."""
    name = author.get("username")
    return (name if isinstance(name, str) and name else None), text_id(author.get("pk") or author.get("id"))
