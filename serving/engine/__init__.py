"""Judges many photos at once on the threads it is given, and never works for nobody.

In: bytes of photos, each with a priority and a deadline. Out: a `model.detection.Detection` each, the same numbers as
`model.detect.Detector` gives one photo at a time.

A photo goes through three stages: decode -> infer (tile by tile, in batches that photos share) -> finish (stitch and
judge). One that would be called fake is looked at a second time (`model.verdict.stability`): its copy goes through
infer and finish again. `engine.py` is the door, and changes models; `scheduler.py` holds what waits for each stage and
decides what a free thread does next; `workers.py` has the threads; `stages.py` is what they do, and how long a new
photo would wait; `runner.py` is one loaded model and what its batches cost; `shadow.py` shows a challenger some of the
photos.

>>> engine = Engine()                                                               # doctest: +SKIP
>>> answer = engine.detect_now(Path("a.jpg").read_bytes())                          # doctest: +SKIP
>>> answer = await engine.detect(data, patience=2.0, priority="interactive")        # doctest: +SKIP
"""
