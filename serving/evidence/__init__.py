"""The evidence pack: what was found of a photo, how, and what became of it, signed, as one JSON document and as a PDF.

In: a stored detection with its report. Out: bytes that anybody can check without our database: `endpoints` gives packs
out, `pack` builds the document, `pdf` draws it, `signature` signs it, `verify` checks it. `docs/evidence.md` says how.
"""
