"""Which packages of one of our extras are not installed, and how to get them.

In: an extra's name in pyproject.toml. Out: names of packages, a sentence. Nothing is imported to find out.
"""

import re
from importlib.metadata import PackageNotFoundError, distribution, requires


def missing(extra: str) -> list[str]:
    """The extra's packages that are not installed, by the names that pip knows; none where we are not installed."""
    try:
        needed = requires("refundlens") or []
    except PackageNotFoundError:
        return []
    of_extra = [line for line in needed if re.search(rf"""extra == ['"]{re.escape(extra)}['"]""", line)]
    names = [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in of_extra]
    return [name for name in names if not _installed(name)]


def how_to_install(extra: str) -> str:
    """For the end of a sentence. We are in no index, so the extra is installed from our own folder."""
    return f"""in RefundLens's folder, run: pip install -e ".[{extra}]\""""


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
