"""Photos in, detections out, over HTTP, the Open Inference Protocol and the page for people.

In: a request with photos. Out: the contract's JSON, in input order. A request is let in (`request`), read (`body`),
judged (`service`, which asks `cache` and `store` first) and answered (`endpoints`, `kserve`, `page`).
"""
