"""Takes the print of a photo as it comes, before the transaction that keeps it.

In: the bytes of a photo, as a stranger sent them. Out: its print, or None where it cannot be opened: such a photo is
kept all the same, and never found again.
"""

import logging
import threading

from refundlens.model.compare.prints import LONGEST, Print, take_print
from refundlens.model.photo.image import ImageError
from refundlens.serving.drawing.reduced import pixels_of

_log = logging.getLogger(__name__)
_one_at_a_time = threading.Lock()
"""What cannot be decoded at a fraction of its size is held whole: 150 MB for 50 megapixels."""


def print_of(data: bytes) -> Print | None:
    """Some 30 ms for a phone's JPEG, which is decoded at a fraction of its size."""
    try:
        with _one_at_a_time:
            return take_print(pixels_of(data, LONGEST))
    except ImageError as error:
        _log.info("no print of a photo of %d bytes: %s", len(data), error)
        return None
