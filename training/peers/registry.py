"""The peers by name. In: names. Out: loaded peers, in that order."""

from collections.abc import Callable, Sequence

from refundlens.training.peers.base import Peer
from refundlens.training.peers.prnu import PrnuResnet
from refundlens.training.peers.pyifd import Adq1, Ela, Noi1
from refundlens.training.peers.sahu65 import Sahu65

_PEERS: dict[str, Callable[[], Peer]] = {peer.name: peer for peer in (Sahu65, PrnuResnet, Ela, Adq1, Noi1)}

NAMES: tuple[str, ...] = tuple(_PEERS)
"""Names that `peers` knows: the two that score whole pictures, then the three that only draw maps."""


def peers(names: Sequence[str]) -> list[Peer]:
    """Load the named peers. Raises ValueError for an unknown name, NotInstalledError for one that is not installed."""
    unknown = [name for name in names if name not in _PEERS]
    if unknown:
        raise ValueError(f"unknown peers: {', '.join(unknown)}; known are {', '.join(NAMES)}")
    return [_PEERS[name]() for name in names]
