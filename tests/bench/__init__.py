"""`refundlens bench`: how fast the detector and the service are here, beside other servers with the same model.

In: a model, photos, a load. Out: figures as one JSON object.

`single.py` judges single photos in processes of their own. For `--serve`, `photos.py` makes the photos; `bare.py` knows
their answers and the raw ceiling; `servers.py` says how each server is started and `process.py` starts it, reads its
processor time and memory; `client.py` sends the load from a process of its own (`wire.py` is its HTTP); `figures.py`
turns its samples into figures; `rounds.py` takes servers and loads in turn; `soak.py` is the long run; `tables.py`
prints.
"""
