"""`refundlens data export STORE`: what the verb of `datasets` cannot know, the labels of this installation."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import typer

from refundlens.serving.cli.common import complain, opened, tenant_of
from refundlens.serving.settings import read_settings

_TAKES_VALUE = ("--split", "--kind", "--without", "--format", "--feedback", "--generator", "--tenant")


@contextmanager
def feedback(arguments: Sequence[str]) -> Iterator[list[str]]:
    """The arguments of `data`; for `export STORE` with the labels' export of this installation as `--feedback`, which
    is gone again after the block: photos of disputes are not left in temporary folders."""
    if not _is_snapshot(arguments):
        yield list(arguments)
        return
    with tempfile.TemporaryDirectory(prefix="refundlens-labels-") as folder:
        out = Path(folder) / "labels"
        _export(out, _value(arguments, "--tenant") or "default")
        yield [*arguments, "--feedback", str(out)]


def _is_snapshot(arguments: Sequence[str]) -> bool:
    if list(arguments[:1]) != ["export"] or "--help" in arguments or _value(arguments, "--feedback"):
        return False
    plain = [
        one for before, one in pairwise(arguments) if not one.startswith("-") and before not in _TAKES_VALUE
    ]
    return len(plain) == 1


def _value(arguments: Sequence[str], name: str) -> str | None:
    for at, one in enumerate(arguments):
        if one == name and at + 1 < len(arguments):
            return arguments[at + 1]
        if one.startswith(f"{name}="):
            return one.partition("=")[2]
    return None


def _export(out: Path, tenant: str) -> None:
    from refundlens.serving.labels import export as exporting
    from refundlens.serving.storage.files import open_files

    settings = read_settings()
    try:
        with opened() as database, database.reading() as session:
            owner = tenant_of(session, tenant).id
            files = open_files(settings)
            done = exporting.export(session, files, owner, out, settings.keep_photos_days)
    except (exporting.ExportError, OSError) as error:
        complain(str(error))
        raise typer.Exit(1) from error
    for name in done.damaged:
        complain(f"the file of photo {name} is damaged: restore it from a backup")
