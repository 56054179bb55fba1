"""Files that somebody sent us, handed on: as a download that no browser opens in our name.

In: bytes, and the name that they came with. Out: the response.
"""

from urllib.parse import quote

from fastapi import Response


def download(content: bytes, name: str, media_type: str) -> Response:
    """Never shown in place, whatever it holds; kept by nobody on the way."""
    return Response(
        content,
        media_type=media_type,
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )
