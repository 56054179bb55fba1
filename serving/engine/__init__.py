"""The engine: judges many photos at once on the threads it is given, and never works for nobody.

In: bytes of photos, each with a priority and a deadline. Out: a `model.detection.Detection` each, the same numbers as
`model.detect.Detector` gives one photo at a time.

A photo goes through three stages: decode -> infer (tile by tile, in batches that photos share) -> finish (stitch and
judge). One that would be called fake is looked at a second time (`model.verdict.stability`): its copy goes through
infer and finish again. `board.py` holds what waits for each stage and decides what a free thread does next; `stages.py`
does it; `crew.py` has the threads; `engine.py` is the door, and changes models; `lane.py` is one loaded model,
`curve.py` what its batches cost, `network.py` how they are run; `shadow.py` shows a challenger a share of the photos;
`load.py` says how long a new photo would wait, and `turns.py` who goes before whom.

>>> engine = Engine()                                                               # doctest: +SKIP
>>> answer = engine.detect_now(Path("a.jpg").read_bytes())                          # doctest: +SKIP
>>> answer = await engine.detect(data, patience=2.0, priority="interactive")        # doctest: +SKIP
"""

from refundlens.serving.engine.engine import Engine
from refundlens.serving.engine.job import Answer, Closed, Expired, Priority, Refused

__all__ = ["Answer", "Closed", "Engine", "Expired", "Priority", "Refused"]
