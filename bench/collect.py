"""How well collecting uses its limits, its requests, and a big folder; all against the stand-in on loopback.

    python -m bench.collect                       everything (about five minutes)
    python -m bench.collect limits routes folder  some of it

Nothing here talks to Instagram.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from core.instagram.rate_limit import Limit
from core.settings import PROJECT_DIR
from tests.stand_in import GRAPH_TOKEN, GRAPH_USER_ID, SESSION, StandIn

SHORTER = 200
LIMITS = (Limit(1, 30 / SHORTER), Limit(60, 3600 / SHORTER))
ACCOUNTS = 200_000
LEFT = 100

_COLLECT = """
import json, resource, sys, time
from pathlib import Path
begin = time.perf_counter()
from core.collection.arguments import CollectArguments
from core.collection.collector import collect
from core.jobs.progress import Progress
given = json.loads(sys.argv[1])
arguments = CollectArguments(Path(given.pop("users")), Path(given.pop("output")), **given)
with Progress("", terminal=False) as progress:
    summary = collect(arguments, progress)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": time.perf_counter() - begin, "peak_mb": peak, "requests": summary.requests,
                  "posts": summary.posts, "outcomes": summary.outcomes, "skipped": summary.skipped}))
"""


def start(
    stand_in: StandIn, folder: Path, users: Sequence[str], secrets: dict[str, str], **given: object
) -> subprocess.Popen[str]:
    """Start a collection in a process of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "users.txt").write_text("\n".join(users))
    values = {"users": str(folder / "users.txt"), "output": str(folder / "accounts"), **given}
    environment = {
        **os.environ,
        "AGESCOPE_INSTAGRAM_URL": stand_in.url,
        "AGESCOPE_GRAPH_URL": stand_in.url,
        "AGESCOPE_DATA_DIR": str(folder / "data"),
        "XDG_STATE_HOME": str(folder.parent / "state"),
        **secrets,
    }
    command = [sys.executable, "-c", _COLLECT, json.dumps(values)]
    return subprocess.Popen(command, cwd=PROJECT_DIR, env=environment, stdout=subprocess.PIPE, text=True)


def result(process: subprocess.Popen[str]) -> dict:
    """What a collection reports."""
    out, _ = process.communicate()
    assert process.returncode == 0, "the collection failed"
    return json.loads(out)


def shortest(number: int) -> float:
    """Seconds from the first to the last of ``number`` requests, as early as the limits permit."""
    moments: list[float] = []
    for k in range(number):
        free = [moments[k - limit.requests] + limit.seconds for limit in LIMITS if k >= limit.requests]
        moments.append(max([0.0, *free]))
    return moments[-1]


def excess(moments: Sequence[float]) -> int:
    """The most requests above a limit in any window, as the server saw them."""
    return max(
        sum(start <= moment < start + limit.seconds for moment in moments) - limit.requests
        for limit in LIMITS
        for start in moments
    )


def bench_limits() -> None:
    """How much of what the limits permit is used, by one process and by three together."""
    print(f"\nLimits of 1 in 30 s and 60 in 3600 s, both windows shortened {SHORTER} times\n")
    print("| processes | requests | limits permit it in | took | use | most above a limit in any window |")
    print("|---|---|---|---|---|---|")
    for processes in (1, 3):
        with StandIn() as stand_in, tempfile.TemporaryDirectory() as name:
            each = 240 // processes
            lists = [[f"user{number}.{each_number}" for each_number in range(each)] for number in range(processes)]
            for users in lists:
                for user in users:
                    stand_in.add(user, posts=3)
            running = [
                start(stand_in, Path(name) / str(number), users, {}, limits=LIMITS)
                for number, users in enumerate(lists)
            ]
            for process in running:
                result(process)
            moments = sorted(seen.at for seen in stand_in.seen)
            took, best = moments[-1] - moments[0], shortest(len(moments))
            above = max(0, excess(moments))
            print(f"| {processes} | {len(moments)} | {best:.2f} s | {took:.2f} s | {best / took:.1%} | {above} |")


def bench_routes() -> None:
    """How many requests a caption costs, by route, beside Instaloader's own paging."""
    users = [f"user{number}" for number in range(20)]
    logged_in = {"AGESCOPE_INSTAGRAM_SESSION": SESSION}
    token = {"AGESCOPE_GRAPH_TOKEN": GRAPH_TOKEN, "AGESCOPE_GRAPH_USER_ID": GRAPH_USER_ID}
    cases = [
        ("web, logged out", "profile", 12, {}, "web"),
        ("web, logged out", "profile, page, more, post", 100, {}, "web"),
        ("web, session", "timeline", 100, logged_in, "web"),
        ("web, session, ids known", "feed", 100, logged_in, "web"),
        ("graph", "graph", 100, token, "graph"),
        ("instaloader, logged out", "its own paging", 12, {}, "instaloader"),
        ("instaloader, logged out", "its own paging", 100, {}, "instaloader"),
        ("instaloader, session", "its own paging", 100, logged_in, "instaloader"),
    ]
    print(f"\n{len(users)} accounts of 120 posts, nine in ten with a caption; the same accounts for each\n")
    print("| source | routes | posts each | requests | captions | requests a caption | 1,000 accounts at 60 an hour |")
    print("|---|---|---|---|---|---|---|")
    for source_name, routes, posts, secrets, source in cases:
        with StandIn() as stand_in, tempfile.TemporaryDirectory() as name:
            for user in users:
                stand_in.add(user, posts=120)
            folder = Path(name) / "run"
            if "ids known" in source_name:
                know_ids(stand_in, folder / "accounts", users)
            result(start(stand_in, folder, users, secrets, source=source, posts_per_user=posts, limits=[(100_000, 1)]))
            made, captions = len(stand_in.seen), count_captions(folder / "accounts")
            hours = made / len(users) * 1000 / 60
            print(
                f"| {source_name} | {routes} | {posts} | {made} | {captions} | {made / captions:.3f} | {hours:,.0f} h |"
            )


def know_ids(stand_in: StandIn, folder: Path, users: Sequence[str]) -> None:
    """Leave account files that a run goes on from, as after a failed first try."""
    from core.storage.account_files import write_account
    from core.storage.models import Account

    folder.mkdir(parents=True)
    for user in users:
        account = stand_in.account(user)
        assert account is not None
        write_account(folder, Account(username=user, user_id=str(account.pk), outcome="failed"))


def count_captions(folder: Path) -> int:
    """Captions in a folder of accounts."""
    from core.storage.account_files import account_files, read_account

    return sum(len(read_account(path).captions) for path in account_files(folder))


def bench_folder() -> None:
    """Memory and time for a list of 200,000 accounts of which most are final already."""
    print(f"\nA list of {ACCOUNTS:,} accounts, all but {LEFT} of them final, 10 posts each\n")
    print("| ledger | time to the end of the run | peak memory | requests |")
    print("|---|---|---|---|")
    users = [f"user{number}" for number in range(ACCOUNTS)]
    memory = Path("/dev/shm")  # noqa: S108 - making 200,000 files on a disk takes minutes
    with StandIn() as stand_in, tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name) / "run"
        fill(folder / "accounts", users[:-LEFT])
        for ledger in ("missing, rebuilt from the files", "there"):
            for user in users[-LEFT:]:
                (folder / "accounts" / f"{user}.json").unlink(missing_ok=True)
            before = len(stand_in.seen)
            done = result(start(stand_in, folder, users, {}, limits=[(100_000, 1)], posts_per_user=5))
            assert done["skipped"] == ACCOUNTS - LEFT
            made = len(stand_in.seen) - before
            print(f"| {ledger} | {done['seconds']:.1f} s | {done['peak_mb']:.0f} MB | {made} |")


def fill(folder: Path, users: Sequence[str]) -> None:
    """Write many small account files, without waiting for the disk each time."""
    import orjson

    from core.storage.models import Account, Post

    folder.mkdir(parents=True)
    posts = [Post(id=str(number), shortcode=f"C{number}", caption="a caption of usual length") for number in range(10)]
    content = orjson.dumps(Account(username="USERNAME", posts=posts).model_dump(mode="json", exclude_none=True))
    for user in users:
        (folder / f"{user}.json").write_bytes(content.replace(b"USERNAME", user.encode()))


PARTS = {"limits": bench_limits, "routes": bench_routes, "folder": bench_folder}


def main() -> None:
    """Run the parts that are named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m bench.collect", description=main.__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of: {', '.join(PARTS)}")
    chosen = parser.parse_args().parts or list(PARTS)
    begin = time.perf_counter()
    for part in chosen:
        PARTS[part]()
    print(f"\n{time.perf_counter() - begin:.0f} s in all, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
