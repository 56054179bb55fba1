"""A photo's file: which format it is, what lies in its blocks, what they say about its origin. No network, no verdict.

Bytes -> container (`png`, `gif`, ... walk it) -> `blocks` -> readers (`exif`, `xmp`, `iptc`, `credentials`, ...) ->
findings -> reasons (`provenance`).
"""
