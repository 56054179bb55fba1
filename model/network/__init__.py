"""From pixels to scores: cut into tiles, run through the network, blend the maps, pool features, find regions.

In: RGB uint8 [H,W,3]. Out: maps float32 [h,w] with a cell per 8 pixels, features float64 [F], regions. Only `network`
and `residual` import torch; serving runs the same network as ONNX.
"""
