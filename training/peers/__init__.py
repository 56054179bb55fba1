"""Open detectors of others, run as they come from PyPI, to stand beside ours in the same benchmark.

In: the bytes of a picture file. Out: each peer's own score and its own map (`Peer.score`, `Peer.heatmap`).
None of them is a dependency: `pip install 'refundlens[peers]'` brings what two of them need, and `peers()` names the
command for the rest. None of them is trained, tuned or thresholded here.
"""

from training.peers.base import NotInstalledError, Peer
from training.peers.registry import NAMES, peers

__all__ = ["NAMES", "NotInstalledError", "Peer", "peers"]
