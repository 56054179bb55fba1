"""The text that generators hide in the lowest bits of a picture's pixels ("stealth PNG info").

In: a decoded picture, before anything is done to its pixels. Out: the text, or None where there is none. NovelAI writes
it into every file, extensions of Stable Diffusion's and ComfyUI's interfaces where they are told to. It outlives
programs that take all metadata out, and no lossy compression. In a photo without, no more than some columns are read.

Layout: bits in columns, from top to bottom and from left to right, the highest of a byte first; of each pixel its
alpha, or its red, green and blue. 15 bytes of signature, which say where and whether it is packed, 32 bits of length in
bits, then the text in UTF-8, packed by gzip or not. Sources: novelai-image-metadata (nai_meta.py),
sd_webui_stealth_pnginfo, and Forge's modules/stealth_infotext.py.
"""

import numpy as np
from PIL import Image

from refundlens.model.photo.blocks import unpack

_SIGNATURE = 15
_HEAD = _SIGNATURE + 4
"""Bytes of the signature and the length."""
_PLANES = {
    "RGBA": ((b"stealth_png", slice(3, 4)), (b"stealth_rgb", slice(0, 3))),
    "RGB": ((b"stealth_rgb", slice(0, 3)),),
}
"""Mode of a picture -> how a signature begins, and the channels that it lies in."""
_GZIP = 31
"""zlib's name for gzip with the largest window."""
MAX_HIDDEN = 1 << 20
"""Bytes that are read from the pixels: the largest ComfyUI workflows have some 300 kB, unpacked."""


def hidden_text(image: Image.Image) -> str | None:
    """The hidden text; "" where there is a signature and what follows it cannot be read; None without a signature.

    A cut picture holds the beginning of an unpacked text, which is given then.
    """
    for start, channels in _PLANES.get(image.mode, ()):
        head = _lowest_bits(image, channels, _HEAD)
        signature = head[:_SIGNATURE]
        if signature not in (start + b"info", start + b"comp"):
            continue
        length = min(int.from_bytes(head[_SIGNATURE:], "big") // 8, MAX_HIDDEN)
        content = _lowest_bits(image, channels, _HEAD + length)[_HEAD:]
        if signature.endswith(b"comp"):
            content, _ = unpack(content, _GZIP)
        return content.decode("utf-8", "replace")
    return None


def _lowest_bits(image: Image.Image, channels: slice, count: int) -> bytes:
    """The first `count` bytes of the lowest bits of a picture's channels, fewer where it has fewer."""
    width, height = image.size
    each = channels.stop - channels.start
    columns = min(width, -(-8 * count // (each * height)))
    pixels = np.asarray(image.crop((0, 0, columns, height)))[..., channels]
    bits = pixels.swapaxes(0, 1).reshape(-1)[: 8 * count] & 1
    return np.packbits(bits[: len(bits) // 8 * 8]).tobytes()
