"""`refundlens verify`: check an evidence pack without the service that issued it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from refundlens.serving.cli.common import Model, complain
from refundlens.serving.settings import read_settings, trusted_signers

if TYPE_CHECKING:
    from refundlens.model.detect import Detector
    from refundlens.serving.evidence.signature import PublicKey
    from refundlens.serving.evidence.verify import Finding

_MARKS = {
    "ok": "[green]ok[/]",
    "note": "[yellow]note[/]",
    "open": "[yellow]open[/]",
    "failed": "[bold red]failed[/]",
}
_KEY_SECONDS = 20.0
"""Patience with whoever publishes a key."""


def verify(
    pack: Annotated[Path, typer.Argument(help="evidence.json, or the PDF that carries it.")],
    photo: Annotated[
        Path | None, typer.Option(help="The photo that was judged, if the pack has it not.")
    ] = None,
    model: Model = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="The issuer's public key: a file or an https address (PEM, JSON Web Key or a set). Without it nobody "
            "knows who signed."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Check an evidence pack: its signature, its hashes, the audit rows, and with photo and model every number.

    Exit status 0 where nothing failed, 1 where something did or the file is no pack.
    """
    from refundlens.serving.evidence.numbers import judge_again
    from refundlens.serving.evidence.pack import PackError
    from refundlens.serving.evidence.verify import failed, open_pack, photo_of
    from refundlens.serving.evidence.verify import verify as check

    given = None if photo is None else _read(photo)
    keys = None if key is None else _keys(key)
    try:
        opened = open_pack(_read(pack))
    except PackError as error:
        complain(f"{pack}: {error}")
        raise typer.Exit(1) from error
    findings = check(opened, keys, given)
    if not failed(findings):  # what was tampered with says nothing about a model
        findings += judge_again(opened.document, photo_of(opened.document, given), _detector(model))
    _show(pack, opened.document, findings, as_json)
    if failed(findings):
        raise typer.Exit(1)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        complain(f"{path} cannot be opened: {error.strerror}")
        raise typer.Exit(1) from error


def _keys(where: str) -> "dict[str, PublicKey]":
    """From a file, or from where somebody publishes them."""
    from refundlens.serving.evidence.signature import WrongKey, read_keys

    try:
        if where.startswith(("https://", "http://127.0.0.1")):
            return read_keys(_fetch(where))
        return read_keys(_read(Path(where)).decode(errors="replace"))
    except WrongKey as error:
        complain(f"--key {where}: {error}")
        raise typer.Exit(1) from error


def _fetch(address: str) -> str:
    import httpx

    try:
        answer = httpx.get(address, timeout=_KEY_SECONDS)
        return answer.raise_for_status().text
    except httpx.HTTPError as error:
        complain(f"--key {address}: {error}")
        raise typer.Exit(1) from error


def _detector(bundle: Path | None) -> "Detector | None":
    """The model named, else the one of the settings; none where there is none."""
    from refundlens.model.detect import BundleError, Detector

    settings = read_settings(bundle=bundle)
    try:
        return Detector(settings.bundle, trust_list=trusted_signers(settings))
    except BundleError as error:
        if bundle is not None:
            raise
        complain(str(error))
        return None


def _show(pack: Path, document: dict[str, Any], findings: "list[Finding]", as_json: bool) -> None:
    from refundlens.serving.evidence.verify import failed

    if as_json:
        lines = [{"check": one.check, "state": one.state, "detail": one.detail} for one in findings]
        said = {"file": str(pack), "ok": not failed(findings), "checks": lines}
        typer.echo(json.dumps(said, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("check", "state", "finding")
    for one in findings:
        table.add_row(one.check, _MARKS[one.state], escape(one.detail))
    console = Console()
    console.print(table)
    console.print(_conclusion(findings), style="bold")


def _conclusion(findings: "list[Finding]") -> str:
    """What it means, in a sentence."""
    states = {one.check: one.state for one in findings}
    if "failed" in states.values():
        return "Do not rely on this pack: something in it is not as it was issued, or does not hold."
    unsure = "" if states.get("signature") == "ok" else ", but who issued it is not shown (--key)"
    numbers = states.get("numbers")
    judged = (
        " and the detector says the same again" if numbers == "ok" else "; the detector was not run again"
    )
    return f"Nothing failed{unsure}{judged}."
