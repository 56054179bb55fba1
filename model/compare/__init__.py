"""Whether two photos show the same picture, and what differs between them. NumPy and OpenCV, no model, no web.

Two questions, two ways through this folder:

* reuse, one photo against millions: RGB pixels -> `prints.take_print` (a few hundred bytes) -> `index.HashIndex`
  (candidates) -> `sameness.same_picture` (yes or no). `pdq.pdq_hash` is the hash that others exchange.
* reference, one photo against one: RGB pixels of both -> `align.align` (the reference laid over the photo) ->
  `difference.compare` (a map, boxes and a verdict with its bound).
"""
