"""The vocabulary of everything that Instagram answers instead of posts.

Each class is one kind of answer. ``meaning`` says what it is in plain words, ``advice`` what a
person can do; neither holds anything that came with the answer, so both are safe to show and keep.
"""

from core.errors import AgeScopeError


class InstagramError(AgeScopeError):
    """An answer that is not posts.

    Attributes:
        answer: what came, in a few words without addresses or names: "401 with require_login".
        route: the route that was asked; empty where the error is not about one.
        retry_after: seconds that the answer asks to wait, if it does.
        noted: whether it stands among the job's events already.
    """

    meaning: str = "Instagram gave an answer that AgeScope does not know."
    advice: str = "If it stays so, update AgeScope, or mend the entry of this route in routes.toml."

    def __init__(self, answer: str = "", route: str = "", retry_after: float | None = None) -> None:
        self.answer = answer
        self.route = route
        self.retry_after = retry_after
        self.noted = False
        super().__init__(self.meaning + (f" (It answered: {answer}.)" if answer else "") + f" {self.advice}")


class UnexpectedAnswer(InstagramError):
    """An answer of no known kind, or a route that refuses this one account."""


class AnotherAccountsAnswer(UnexpectedAnswer):
    """The answer is about an account that was not asked for."""

    meaning = "The answer holds another account's posts, so nothing of it was kept."
    advice = (
        "Another route is tried. If it stays so, something between here and Instagram mixes answers up: "
        "collect without --useproxies, or from another network."
    )


class EndlessList(UnexpectedAnswer):
    """The list of posts leads back to a page that was read before."""

    meaning = "The list of posts leads round in a circle, so where it ends cannot be known."
    advice = "What came is kept, and a later run asks again."


class AccountNotFound(InstagramError):
    """404; no user in the answer; a page without a profile."""

    meaning = "There is no such account."
    advice = "Check the name; accounts are renamed and removed."


class NotProfessional(AccountNotFound):
    """The Graph API's business discovery knows no such account."""

    meaning = "The Graph API knows no professional account of this name."
    advice = "It shows business and creator accounts only; collect others with --source web."


class AccountPrivate(InstagramError):
    """The account shows its posts to its followers only."""

    meaning = "The account is private."
    advice = "Only public posts are collected; its owner can donate an export."


class TooManyRequests(InstagramError):
    """401 asking to wait, 429, 403 asking to wait: this address or session is asked to slow down."""

    meaning = "Instagram asks this address or session to slow down."
    advice = "The run waits longer each time; if it happens often, set lower limits."


class RouteClosed(InstagramError):
    """401 with ``igweb_rollout``: the route is closed to visitors who are not logged in."""

    meaning = "This way to the posts is closed to visitors who are not logged in; waiting does not help."
    advice = "Give a session cookie (AGESCOPE_INSTAGRAM_SESSION), use the Graph API, or ask for exports."


class LoginWall(InstagramError):
    """A login page in place of the answer."""

    meaning = "Instagram shows its login page in place of the posts."
    advice = "Give a session cookie (AGESCOPE_INSTAGRAM_SESSION), use the Graph API, or ask for exports."


class RequestRefused(InstagramError):
    """A redirect to the start page."""

    meaning = "Instagram sent the request away to its start page."
    advice = "Another route is tried; if none is left, wait a day or use another source."


class QueryRetired(InstagramError):
    """Instagram no longer knows the query id (``doc_id``) of a route."""

    meaning = "Instagram no longer knows the query of this route."
    advice = "Update AgeScope, or put the new doc_id of this route into routes.toml in the data folder."

    def __init__(self, answer: str = "", route: str = "", retry_after: float | None = None) -> None:
        if route:
            self.advice = (
                f"Update AgeScope, or put the new doc_id under [routes.{route}] into routes.toml in the data folder."
            )
        super().__init__(answer, route, retry_after)


class FatalError(InstagramError):
    """What no further request may follow."""


class Checkpoint(FatalError):
    """Checkpoint, challenge or feedback page: the account or the query is flagged."""

    meaning = "Instagram wants to check who is asking, so collecting has stopped at once."
    advice = (
        "AgeScope never tries to pass such a check. Open Instagram in a browser, see what it asks, "
        "and wait at least a day before you start again, with lower limits."
    )


class SessionEnded(FatalError):
    """The session cookie is no longer accepted."""

    meaning = "Your Instagram session has ended."
    advice = "Log in with a browser, take the new sessionid cookie into AGESCOPE_INSTAGRAM_SESSION, and start again."


class WrongHeaders(FatalError):
    """400 ``useragent mismatch``: a defect of the routes' data."""

    meaning = "Instagram does not accept the headers that AgeScope sends."
    advice = "Update AgeScope, or correct user_agent under [headers] in routes.toml in the data folder."


class TokenRefused(FatalError):
    """The Graph API does not accept the access token, or it lacks a permission."""

    meaning = "The Graph API does not accept your access token."
    advice = "Make a new token with instagram_basic and pages_read_engagement and set AGESCOPE_GRAPH_TOKEN."


class NoRouteError(FatalError):
    """Every way to the posts is closed from here."""

    meaning = "No way to the posts is open from here."
    advice = (
        "Run `python -m core check-instagram` to see why. What helps: a session cookie "
        "(AGESCOPE_INSTAGRAM_SESSION), the Graph API (--source graph), or exports from the accounts' owners."
    )


class NoProxyLeft(FatalError):
    """Every proxy of the list has failed."""

    meaning = "No proxy of the list works."
    advice = (
        "Public proxies rarely do: Instagram knows and refuses them. Collect without --useproxies, "
        "or give your own with --proxy-list."
    )


class ImplausibleAnswersError(FatalError):
    """Every account, even Instagram's own, is said not to exist."""

    meaning = "Instagram says of every account, even of its own, that it does not exist, so that cannot be believed."
    advice = (
        "The last accounts are marked as failed and will be tried again. Update AgeScope, or see with "
        "`python -m core check-instagram` which routes work."
    )


class StillRefused(FatalError):
    """Asked to slow down again and again, in spite of ever longer waits."""

    meaning = "Instagram keeps refusing this address or session, in spite of ever longer waits."
    advice = "Wait a day, then start again with lower limits; it goes on where it stopped."


class TransientError(InstagramError):
    """A server error, a lost connection, a time-out, a cut-off answer."""

    meaning = "The connection or Instagram's server failed for a moment."
    advice = "It was tried several times; a later run tries again."


class ProxyFailed(TransientError):
    """The proxy did not pass the request on."""

    meaning = "The proxy failed."
    advice = "It is put aside and the next one is used."


class AnswerTooLarge(TransientError):
    """An answer without an end, or one that unpacks to more than any could be."""

    meaning = "The answer was larger than any that Instagram gives, so it was not read to its end."
    advice = (
        "Something between here and Instagram answers in its place: a proxy, or the network. "
        "Collect without --useproxies, or from another network."
    )


class AnswerTooSlow(TransientError):
    """No answer, or not the whole of it, before the deadline."""

    meaning = "The answer did not come, or not to its end, within the time that one may take."
    advice = "It was tried several times; a later run tries again. If it stays so, see to the network or the proxy."
