"""Labels: photos of which somebody knows what they are, for retraining.

In: judges' decisions (`service.for_decision`) and what engineers say. Out: pages of labels, and `export`, a folder of
photos with the strongest truth of each, which `refundlens data export --adjudicated` reads.
"""
