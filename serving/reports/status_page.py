"""The status page: one report for one side, in words first. Plain HTML that works in any phone's web view."""

from functools import partial
from typing import Any

from refundlens.serving.demo.samples import in_one_language
from refundlens.serving.http.pages import render
from refundlens.serving.kit.format import bound_percent
from refundlens.serving.kit.language import Language
from refundlens.serving.kit.texts import texts
from refundlens.serving.reports.links import Side

MOST_PHOTOS = 4
"""That an appeal may bring."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept, Accept-Language, Cookie",
}


def status(
    shown: dict[str, Any], side: Side, token: str, language: Language, heat: dict[str, Any] | None
) -> str:
    """shown: the report as `serving.reports.view` gives it to this side. heat: how large the photo and its map are, if
    there is a map."""
    return render(
        "track.html",
        report=shown,
        side=side,
        token=token,
        t=texts("track", language),
        language=language,
        heat=heat,
        percent=bound_percent,
        most_photos=MOST_PHOTOS,
        spoken=partial(in_one_language, language=language),
    )
