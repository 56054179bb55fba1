"""Snapshots of judged photos: what one retraining learns from, fixed for good.

In: folders of `refundlens labels export`, and engineers' own folders of the same form. Out: a store of snapshots,
`images/<ab>/<sha256>.<suffix>` shared by all, and one folder each with `manifest.parquet`, `snapshot.json` and a card.
A snapshot's name holds its hash. What is erased later leaves the store and the next snapshot; the card says which
models saw it.
"""
