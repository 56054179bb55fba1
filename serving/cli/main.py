"""The `refundlens` command. Exit status: 0 all done, 1 some input failed, 2 usage.

Verbs that make data or train live in other packages and are loaded when they run: `refundlens detect` never imports
torch, and `refundlens --help` imports nearly nothing.
"""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from refundlens.serving.cli import (
    bench,
    capacity,
    deploy,
    detect,
    doctor,
    keys,
    models,
    records,
    serve,
    snapshots,
    verify,
)
from refundlens.serving.cli.common import complain
from refundlens.serving.kit.extras import how_to_install, missing
from refundlens.serving.settings import SettingsError

NO_REGISTER = "--no-register"
"""Option of `retrain` for machines that have no registry at hand."""
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def workflow() -> None:
    """Print the transition table: state, event, who may bring it, the next state, what must hold and what follows."""
    from refundlens.serving.workflow.transitions import markdown

    typer.echo(markdown())


app = typer.Typer(
    name="refundlens",
    help="Tells whether the photo behind a refund claim is real, shows why, and says how sure it is.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("detect")(detect.detect)
app.command("serve")(serve.serve)
app.command("doctor")(doctor.doctor)
app.command("bench")(bench.bench)
app.command("capacity")(capacity.capacity)
app.command("workflow")(workflow)
app.command("verify")(verify.verify)
app.add_typer(keys.app, name="keys")
app.add_typer(keys.tenants_app, name="tenants")
app.add_typer(records.audit, name="audit")
app.add_typer(records.buyers, name="buyers")
app.add_typer(records.labels, name="labels")
app.add_typer(models.app, name="models")
app.add_typer(deploy.app, name="deploy")
app.add_typer(records.reuse, name="reuse")


@app.command("data", context_settings=PASS_ON, help="Make a dataset from photos, and check it.")
def data(context: typer.Context) -> None:
    with snapshots.feedback(context.args) as arguments:
        _run_other("refundlens.datasets.cli", arguments, "refundlens data")


@app.command("train", context_settings=PASS_ON, help="Train a detector on a dataset.")
def train(context: typer.Context) -> None:
    _run_other("refundlens.training.cli", ["train", *context.args], "refundlens")


@app.command(
    "calibrate", context_settings=PASS_ON, help="Fit probabilities and thresholds on held-out photos."
)
def calibrate(context: typer.Context) -> None:
    _run_other("refundlens.training.cli", ["calibrate", *context.args], "refundlens")


@app.command("evaluate", context_settings=PASS_ON, help="Measure a detector and write the report.")
def evaluate(context: typer.Context) -> None:
    _run_other("refundlens.training.cli", ["evaluate", *context.args], "refundlens")


@app.command("export", context_settings=PASS_ON, help="Write the ONNX bundle that detect and serve use.")
def export(context: typer.Context) -> None:
    _run_other("refundlens.training.cli", ["export", *context.args], "refundlens")


@app.command(
    "retrain", context_settings=PASS_ON, help="From a snapshot of judged photos to a registered candidate."
)
def retrain(context: typer.Context) -> None:
    arguments = [one for one in context.args if one != NO_REGISTER]
    made = _call_other("refundlens.training.cli", ["retrain", *arguments], "refundlens")
    if isinstance(made, int):
        raise typer.Exit(made)
    if made is not None and NO_REGISTER not in context.args:
        complain(f"{models.register(Path(made))} is a candidate; `refundlens models shadow` shows it photos")


def _run_other(module: str, arguments: Sequence[str], name: str) -> None:
    """Hand the rest of the command line to another package's command."""
    status = _call_other(module, arguments, name)
    raise typer.Exit(status if isinstance(status, int) else 0)


def _call_other(module: str, arguments: Sequence[str], name: str) -> Any:
    """What another package's command gives back, or its exit status."""
    try:
        other: Any = importlib.import_module(module)
        command = typer.main.get_command(other.app)
        return command.main(list(arguments), prog_name=name, standalone_mode=False)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "refundlens":
            raise
        absent = ", ".join(missing("train") or [error.name or "a package"])
        complain(f"not installed, and needed by this verb: {absent}; {how_to_install('train')}")
        raise typer.Exit(1) from error


def main() -> None:
    """The console script. A wrong setting or model is told in a sentence, not in a traceback."""
    try:
        app()
    except SettingsError as error:
        complain(str(error))
        sys.exit(2)
    except Exception as error:
        bundle_error = getattr(sys.modules.get("refundlens.model.bundle"), "BundleError", None)
        if bundle_error is None or not isinstance(error, bundle_error):
            raise
        complain(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
