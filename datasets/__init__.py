"""From a folder of real photos to a dataset of real and manipulated ones that were delivered alike.

In: photos (with an optional MANIFEST.csv). Out: images, masks and `metadata.jsonl` (Hugging Face ImageFolder).
Data flows photo -> painter -> editor -> benign processing -> delivery chain -> row.
"""
