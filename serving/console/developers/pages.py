"""Draws the developers' pages, in the visitor's language; what the OpenAPI document says stays in its own, English.

A try-it sends what its form says from the visitor's browser, with the visitor's own key, which is kept nowhere. Signed
examples of webhooks are of a secret that everybody knows, for receivers that run on a developer's own machine.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from fastapi import APIRouter, FastAPI, Request, Response

from refundlens.serving.console.developers.reference import ApiReference
from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.http.pages import WEB, PageRoute, html, language, own_address, remember_language
from refundlens.serving.kit.context import Services
from refundlens.serving.kit.errors import NotFound
from refundlens.serving.kit.ids import make_id
from refundlens.serving.kit.language import texts
from refundlens.serving.webhooks import simulator
from refundlens.serving.webhooks.sending import sign_message

router = APIRouter(prefix="/developers", include_in_schema=False, route_class=PageRoute)

EXAMPLE_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDazfnVpXxcGg="
"""The one of docs/webhooks.md: no endpoint has it."""
_READ: WeakKeyDictionary[FastAPI, ApiReference] = WeakKeyDictionary()
LOCAL_RECEIVER = "http://127.0.0.1:3000/hooks/refundlens"


@dataclass(frozen=True)
class Quickstart:
    """language: its name, the same in all languages. run: how it is started."""

    language: str
    file: str
    run: str

    @property
    def path(self) -> Path:
        return WEB / "examples" / self.file


QUICKSTARTS = (
    Quickstart("curl", "detect.sh", "sh detect.sh photo.jpg"),
    Quickstart("Python", "detect.py", "python detect.py photo.jpg"),
    Quickstart("JavaScript", "detect.mjs", "node detect.mjs photo.jpg"),
)
STORY = Quickstart("Python", "story.py", "python story.py http://127.0.0.1:8000 --help")


@router.get("")
def start(request: Request) -> Response:
    """Quickstarts, one a language; the story of a whole dispute."""
    shown = [(one, one.path.read_text(encoding="utf-8")) for one in QUICKSTARTS]
    story = STORY.path.read_text(encoding="utf-8")
    return _page(
        request, "start", quickstarts=shown, story=STORY, story_text=story, base=own_address(request)
    )


@router.get("/reference")
def reference_page(request: Request) -> Response:
    """Every operation under its part of the API."""
    return _page(request, "reference", tags=_reference(request).by_tag())


@router.get("/reference/{name}")
def operation_page(request: Request, name: str) -> Response:
    """One operation with its try-it. Raises NotFound."""
    found = _reference(request).find(name)
    if found is None:
        raise NotFound(f"There is no operation {name}.")
    return _page(request, "operation", one=found, curl=found.curl(own_address(request)))


@router.get("/webhooks")
def webhooks_page(request: Request, type: str = WebhookType.REPORT_ESTABLISHED) -> Response:
    """An event of a type as a receiver gets it, signed now, with a command that sends it to one on this machine."""
    known = {kind.value: kind for kind in WebhookType}
    kind = known.get(type, WebhookType.REPORT_ESTABLISHED)
    now = Services.of(request).clock()
    payload, identifier = simulator.payload(kind, now), make_id("evt", now)
    headers = sign_message([EXAMPLE_SECRET], identifier, payload, now)
    quoted = payload.replace("'", "'\\''")
    lines = [f"curl -X POST '{LOCAL_RECEIVER}'", '-H "Content-Type: application/json"']
    lines += [f'-H "{name}: {value}"' for name, value in headers.items()]
    return _page(
        request,
        "webhooks",
        types=list(known),
        kind=kind.value,
        payload=payload,
        headers=headers,
        secret=EXAMPLE_SECRET,
        curl=" \\\n  ".join([*lines, f"--data-raw '{quoted}'"]),
    )


def _page(request: Request, subject: str, **values: Any) -> Response:
    """subject: names the template, and the place in the navigation."""
    response = html(
        request,
        f"developers/{subject}.html",
        c=texts("developers", language(request)),
        subject=subject,
        path=request.url.path,
        **values,
    )
    remember_language(request, response)
    return response


def _reference(request: Request) -> ApiReference:
    """Of this application, read once."""
    app: FastAPI = request.app
    if app not in _READ:
        _READ[app] = ApiReference(app.openapi())
    return _READ[app]
