"""The detector itself: photo -> tiles -> scores -> verdict. Knows nothing of web or database.

In: the bytes of a picture. Out: a `model.detect.Detection` with verdict, probability, heat map and reasons.
Only `model.network.network` and `model.network.residual` import torch; everything serving needs runs on NumPy and ONNX
Runtime.
"""
