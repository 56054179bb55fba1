"""IPTC-IIM, the older caption format that news agencies and Google's image tools still write.

In: the record bytes (from APP13, TIFF tag 0x83BB or a PNG raw profile). Out: texts by name. Never raises.
Source: IPTC-NAA Information Interchange Model 4.2: 0x1C, record, dataset, length (2; a set high bit: length of length).
What dataset 1:90 says of the encoding is not asked: files are met that say UTF-8 and hold another, and the bytes tell.
"""

from refundlens.model.photo.encodings import guess_text

MAX_DATASETS = 2000
_NAMES = {
    (2, 5): "title", (2, 40): "instructions", (2, 65): "program", (2, 70): "program version", (2, 80): "byline",
    (2, 105): "headline", (2, 110): "credit", (2, 115): "source", (2, 116): "copyright", (2, 120): "caption",
    (2, 122): "writer", (2, 25): "keyword",
}  # fmt: skip
_BINARY = (0, 200, 201, 202)
"""Datasets of the application record that hold no text: its version and a preview."""


def read_iptc(data: bytes) -> tuple[dict[str, str], bool]:
    """Texts by name (several of one name joined by "; "), and whether every byte could be read."""
    found: dict[str, list[str]] = {}
    at = 0
    for _ in range(MAX_DATASETS):
        if data[at : at + 1] != b"\x1c" or at + 5 > len(data):
            break
        key, length, start = (
            (data[at + 1], data[at + 2]),
            int.from_bytes(data[at + 3 : at + 5], "big"),
            at + 5,
        )
        if length & 0x8000:
            size = length & 0x7FFF
            length, start = (
                int.from_bytes(data[start : start + size], "big") if size <= 4 else len(data),
                start + size,
            )
        content = data[start : start + length]
        if len(content) < length:
            break
        if key[0] == 2 and key[1] not in _BINARY:
            found.setdefault(_NAMES.get(key, f"dataset {key[1]}"), []).append(guess_text(content))
        at = start + length
    texts = {name: "; ".join(part for part in parts if part) for name, parts in found.items()}
    return {name: text for name, text in texts.items() if text}, not data[at:].strip(b"\0")
