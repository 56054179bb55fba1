"""Options that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    Path | None,
    typer.Option(
        help="A bundle made by `refundlens export`. [default: REFUNDLENS_BUNDLE, or the bundled one]"
    ),
]
