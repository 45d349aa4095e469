"""dask.distributed: a LocalCluster of two processes with a thread each."""

from __future__ import annotations

import logging

from distributed import Client, LocalCluster
from protocol import double, serve


def main() -> None:
    logging.getLogger("distributed").setLevel(logging.ERROR)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        serve(
            lambda x: client.submit(double, x, pure=False).result(),
            many=lambda xs: client.gather(client.map(double, xs, pure=False)),
        )


if __name__ == "__main__":
    main()
