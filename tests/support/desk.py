"""A browser without scripts: logs in with a key, reads pages, sends their forms."""

import html
import re
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient


class Desk:
    """A session of the console that follows no redirect by itself. Keys are `key-` and a name."""

    def __init__(self, app: FastAPI, name: str, language: str = "en", key: str | None = None) -> None:
        self.http = TestClient(app, follow_redirects=False, headers={"Accept-Language": language})
        assert self.http.post("/login", data={"key": key or f"key-{name}"}).status_code == 303

    def get(self, path: str) -> Any:
        return self.http.get(path)

    def send(self, page: Any, action: str, **fields: Any) -> Any:
        """Send a form of a page as a browser would: its hidden fields with ours."""
        return self.http.post(action, data=self.hidden(page, action) | fields)

    def hidden(self, page: Any, action: str) -> dict[str, str]:
        """The hidden fields of a form."""
        form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page.text, re.DOTALL)
        assert form, f"no form for {action}"
        found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[0])
        return {name: html.unescape(value) for name, value in found}
