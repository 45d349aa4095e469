"""A person at the other end of a network: watches a run, waits for it, and has calls going on.

Run as a program: says ``ready``, hears which run, says ``watching``, hears that there is a fault, and says what came of
it.
"""

from __future__ import annotations

import sys
import time

from openbeam import Client

from support.faults import Watcher, calls_going_on


def main(endpoint: str, seconds: float) -> None:
    print("ready", flush=True)
    run_id = sys.stdin.readline().strip()
    with Client() as beam, Client() as other, Client() as third, calls_going_on(third, endpoint, seconds) as more:
        run = beam.get_run(run_id)
        watcher = Watcher(other.get_run(run_id))
        while not watcher.seen:
            time.sleep(0.05)
        print("watching", flush=True)
        sys.stdin.readline()
        more()
        run.wait(seconds)
        watcher.join(seconds)
    print(run.state, watcher.seen[-1][2], flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
