"""What a version can be."""

from enum import StrEnum


class Stage(StrEnum):
    CANDIDATE = "candidate"
    """Known, and never yet the champion."""
    SHADOW = "shadow"
    """Shown a share of the photos, to compare; one at most."""
    CHAMPION = "champion"
    """It judges; one at most."""
    RETIRED = "retired"
    """Was the champion."""
