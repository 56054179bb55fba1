"""Batches that run on other machines, on engines that exist: Triton (and whatever else speaks KServe v2), and Ray
Serve.

In: tiles, uint8 [N,224,224,3]. Out: the network's logits for each. All else stays in the process that serves:
admission, batching, cache, deadlines, calibration and verdict (`serving.engine`), so that a photo's answer is the same
wherever its batches ran. `batches.py` is what the engine knows of it; `triton.py` and `ray_serve.py` are those who are
asked; `triton_repository.py` and `ray_config.py` write what those need (`refundlens deploy`).
"""
