"""From a dataset to a calibrated ONNX bundle: train -> calibrate -> evaluate -> export.

In: a dataset folder made by `datasets`. Out: a run folder (config, metrics, checkpoints, report) and one .onnx file.
"""
