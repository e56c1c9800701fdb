"""What a collection will cost, before a request is made."""

from collections import Counter
from dataclasses import dataclass

from core.collection.arguments import CollectArguments
from core.collection.final_outcomes import is_wanted
from core.collection.outcome_log import Ledger
from core.instagram.rate_limit import requests_per_second
from core.instagram.source_names import requests_per_account
from core.jobs.progress import no_progress
from core.settings import Settings, get_settings
from core.storage.csv_records import ListChoices
from core.storage.user_lists import UserList, read_user_list
from core.utils.formatting import count, duration


@dataclass(frozen=True)
class Estimate:
    """What a run will cost.

    Attributes:
        accounts: usable accounts on the list.
        rejected: lines of the list that cannot be used.
        known: how many accounts already have which outcome.
        todo: accounts that the run will ask about.
        requests: fewest and most requests the run can need.
        requests_per_hour: the steady rate that the limits allow.
        seconds: shortest and longest time; asking to slow down, and faults, come on top.
        likely: seconds at the requests that accounts took before, where that is known.
    """

    accounts: int
    rejected: int
    known: dict[str, int]
    todo: int
    requests: tuple[int, int]
    requests_per_hour: float
    seconds: tuple[float, float]
    likely: float | None = None

    def __str__(self) -> str:
        if not self.todo:
            return "Nothing is left to collect."
        low, high = (duration(seconds) for seconds in self.seconds)
        likely = "" if self.likely is None else f"likely about {duration(self.likely)}; "
        time = f"about {low}" if low == high else f"{likely}at least {low}, at most {high}"
        return f"{count(self.todo, 'account')} at {self.requests_per_hour:,.0f} requests an hour: {time}"


def estimate(
    arguments: CollectArguments,
    settings: Settings | None = None,
    users: UserList | None = None,
    per_account: float | None = None,
) -> Estimate:
    """What a run would cost, from the list, the limits and what is there already; makes no request.

    Args:
        arguments: of the run.
        settings: None takes those of the environment.
        users: the list, where it has been read already.
        per_account: requests that an account took in an earlier run like this one.

    Raises:
        InputError: the list cannot be used.
    """
    settings = settings or get_settings()
    users = users or read_user_list(arguments.user_file, choices=ListChoices(arguments.column))
    with no_progress() as progress:
        ledger = Ledger(arguments.output_dir, progress)
    entries = [ledger.get(name) for name in users.usernames]
    todo = sum(is_wanted(entry, arguments) for entry in entries)
    low, high = requests_per_account(arguments.source, arguments.posts_per_user, settings)
    rate = requests_per_second(arguments.pace.limits, arguments.jitter)
    return Estimate(
        accounts=len(users.usernames),
        rejected=len(users.rejected),
        known=dict(Counter(str(entry.outcome) for entry in entries if entry)),
        todo=todo,
        requests=(todo * low, todo * high),
        requests_per_hour=rate * 3600,
        seconds=(todo * low / rate, todo * high / rate),
        likely=todo * per_account / rate if per_account and low <= per_account <= high else None,
    )
