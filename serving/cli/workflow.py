"""`refundlens workflow`: what may happen to a report."""

import typer


def workflow() -> None:
    """Print the transition table: state, event, who may bring it, the next state, what must hold and what follows."""
    from refundlens.serving.workflow.transitions import markdown

    typer.echo(markdown())
