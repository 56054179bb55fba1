"""`refundlens doctor`: what works on this machine, and how to mend what does not."""

import json
from typing import Annotated

import typer

from refundlens.serving.cli.common import Model
from refundlens.serving.settings import read_settings

_MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "failed": "[bold red]failed[/]"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    model: Model = None,
) -> None:
    """Check inference providers, GPU, disk, the model's checksum and a self-test. Exit status 1 if one failed."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from refundlens.serving.cli.health import examine

    settings = read_settings(bundle=model)
    findings = examine(settings)
    if as_json:
        typer.echo(json.dumps({"checks": [finding._asdict() for finding in findings]}, ensure_ascii=False))
    else:
        table = Table("check", "state", "finding")
        for finding in findings:
            table.add_row(finding.check, _MARKS[finding.state], escape(finding.detail))
        Console().print(table)
    if any(finding.state == "failed" for finding in findings):
        raise typer.Exit(1)
