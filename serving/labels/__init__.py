"""Labels: photos of which somebody knows what they are, for retraining.

In: judges' decisions (`service.for_decision`), what engineers say, and what they are asked about (`sampling`). Out:
pages of labels, and `export`, a folder of photos with the strongest truth of each: what `refundlens data export` reads.
"""
