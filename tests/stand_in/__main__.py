"""``python -m tests.stand_in --port 8765``: the stand-in for a person or a browser test."""

import argparse
import math
import threading

from tests.stand_in import FAILURES, GRAPH_TOKEN, GRAPH_USER_ID, SESSION, StandIn


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.stand_in", description=main.__doc__)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--delay", type=float, default=0.0, metavar="SECONDS", help="how long each answer takes")
    parser.add_argument(
        "--fail",
        action="append",
        default=[],
        metavar="ROUTE:HOW[:TIMES]",
        help=f"route: profile, page, more, post, timeline, feed, graph or *; how: {', '.join(FAILURES)}",
    )
    options = parser.parse_args()
    with StandIn(port=options.port, delay_s=options.delay) as stand_in:
        for failure in options.fail:
            route, how, *times = failure.split(":")
            stand_in.fail(route, how, float(times[0]) if times else math.inf)
        print(f"export AGESCOPE_INSTAGRAM_URL={stand_in.url} AGESCOPE_GRAPH_URL={stand_in.url}")
        print(f"# with a session:  AGESCOPE_INSTAGRAM_SESSION={SESSION}")
        print(f"# the Graph API:   AGESCOPE_GRAPH_TOKEN={GRAPH_TOKEN} AGESCOPE_GRAPH_USER_ID={GRAPH_USER_ID}")
        print("# any name exists; private... is private, empty... has no post, gone... does not exist", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
