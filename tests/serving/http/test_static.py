"""What pages load with them comes packed, and light."""

from fastapi import FastAPI
from starlette.testclient import TestClient

from refundlens.serving.http.pages import WEB

LOADED = ("console.css", "console.js", "htmx.min.js", "icon.svg", "page.css")
"""Of every page of the console."""
MOST = 60_000
"""Bytes: the first page of a console has 100,000 with its own HTML."""


def test_a_first_page_loads_little(app: FastAPI) -> None:
    client, total = TestClient(app), 0
    for name in LOADED:
        with client.stream("GET", f"/static/{name}", headers={"Accept-Encoding": "gzip"}) as answer:
            total += sum(len(piece) for piece in answer.iter_raw())
        with client.stream("GET", f"/static/{name}", headers={"Accept-Encoding": "identity"}) as answer:
            assert b"".join(answer.iter_raw()) == (WEB / "static" / name).read_bytes()
    assert total <= MOST


def test_answers_with_secrets_in_them_are_not_packed(app: FastAPI) -> None:
    answer = TestClient(app).get("/login", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers
