"""Attacks that try to see or do what is somebody else's (OWASP API Top 10 of 2023, but for those of `floods`).

Each is a list of requests with the statuses that are right. In: a target. Out: what was tried, and what came instead.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx

from refundlens.serving.kit.roles import Role
from tests.chaos.attacks.target import ATTACKER, VICTIM, Target

REFUSED = (401, 403, 404, 405, 409, 410, 415, 422, 429)


@dataclass
class Tried:
    """wrong: requests that got what they should not, in words."""

    name: str
    risk: str
    requests: int = 0
    wrong: list[str] = field(default_factory=list)


Intrusion = Callable[[Target, httpx.Client, Tried], None]


def _must_refuse(tried: Tried, answer: httpx.Response, allowed: tuple[int, ...] = REFUSED) -> None:
    tried.requests += 1
    if answer.status_code not in allowed:
        tried.wrong.append(f"{answer.request.method} {answer.request.url.path}: {answer.status_code}")


def _of_victim(target: Target) -> Iterator[str]:
    """Everything that names something of the victim's."""
    for rest in ("", "/heatmap", "/reliability", "/evidence.json", "/evidence.pdf", "/evidence.jpg"):
        yield f"/v1/detections/{target.detection}{rest}"
    for rest in ("", "/evidence.json", "/evidence.pdf"):
        yield f"/v1/reports/{target.report}{rest}"
    yield f"/v1/refunds/{target.refund}"
    yield f"/v1/images/{target.image}"
    yield f"/queue/{target.report}"
    yield f"/refunds/photos/{target.image}/view"
    yield f"/reports/{target.report}/heat.png"


def others_objects(target: Target, client: httpx.Client, tried: Tried) -> None:
    """Another tenant's things by their ids, with every role (API1: broken object level authorization)."""
    for role in (Role.MERCHANT, Role.ADJUDICATOR, Role.ADMIN):
        headers = target.headers(ATTACKER, role)
        for path in _of_victim(target):
            _must_refuse(tried, client.get(path, headers=headers), (*REFUSED, 303))
        for rest in ("withdraw", "decision", "appeals", "refusal"):
            more = headers | {"Idempotency-Key": f"{role}-{rest}", "If-Match": '"1"'}
            body = {"verdict": "established", "reason": "x", "grounds": "x", "outcome": "established"}
            _must_refuse(tried, client.post(f"/v1/reports/{target.report}/{rest}", json=body, headers=more))


def no_proof(target: Target, client: httpx.Client, tried: Tried) -> None:
    """Without a key, and with ones that are none (API2: broken authentication)."""
    key = target.headers(VICTIM)["Authorization"]
    forged = ["", "Bearer", "Bearer null", "Bearer rl_", "Bearer " + "x" * 3_000, key[:-1]]
    forged += [key.replace("Bearer", "Basic"), "Bearer eyJhbGciOiJub25lIn0.eyJyb2xlIjoiYWRtaW4ifQ."]
    for value in forged:
        for path in _of_victim(target):
            _must_refuse(tried, client.get(path, headers={"Authorization": value}), (*REFUSED, 303))
    for path in _of_victim(target):
        _must_refuse(
            tried, client.get(path, headers={"Cookie": f"refundlens_session={'x' * 43}"}), (*REFUSED, 303)
        )
    link = target.link
    for token in (link[:-2] + "AA", link + "x", "/track/..%2f..", link.replace(".", "")):
        _must_refuse(tried, client.get(token))


def other_members(target: Target, client: httpx.Client, tried: Tried) -> None:
    """Members that nobody may set (API3: broken object property level authorization)."""
    headers = target.headers(VICTIM) | {"Idempotency-Key": "m"}
    for extra in (
        "tenant_id",
        "outcome",
        "verdict",
        "state",
        "role",
        "account_id",
        "supplied_by_platform",
        "__proto__",
    ):
        body = {"refund_id": target.refund, "image": target.image, extra: "admin"}
        _must_refuse(tried, client.post("/v1/reports", json=body, headers=headers))
    shown = client.get(f"/v1/reports/{target.report}", headers=target.headers(VICTIM)).text
    tried.requests += 1
    if any(word in shown for word in ("tenant_id", "digest", "key_id", "buyer-1")):
        tried.wrong.append("a report tells of keys, tenants or the buyer's own reference")


def others_work(target: Target, client: httpx.Client, tried: Tried) -> None:
    """What other roles do, and what only the installation's own people do (API5: broken function level
    authorization)."""
    version = "refundlens-s-0.3.0"
    merchant = [
        ("POST", f"/v1/models/{version}/promote"), ("POST", f"/v1/models/{version}/rollback"), ("GET", "/v1/models"),
        ("POST", "/v1/labels"), ("GET", "/v1/webhook-endpoints"), ("POST", "/v1/webhook-endpoints"),
        ("POST", f"/v1/reports/{target.report}/decision"), ("GET", "/queue"),
    ]  # fmt: skip
    for role, tasks in ((Role.MERCHANT, merchant), (Role.ADMIN, merchant[:2])):
        for method, path in tasks:
            headers = target.headers(ATTACKER, role) | {"Idempotency-Key": path, "If-Match": '"1"'}
            body = {
                "reason": "mine now",
                "force": True,
                "url": "https://example.com",
                "verdict": "established",
            }
            answer = client.request(method, path, headers=headers, json=body if method == "POST" else None)
            _must_refuse(tried, answer, (*REFUSED, 303, 412, 428))


def inner_addresses(target: Target, client: httpx.Client, tried: Tried) -> None:
    """Webhooks to where only the service can go (API7: server side request forgery)."""
    headers = target.headers(ATTACKER, Role.ADMIN)
    urls = [
        "http://169.254.169.254/latest/meta-data/", "https://localhost/", "https://127.0.0.1/", "https://[::1]/",
        "https://0x7f000001/", "https://2130706433/", "https://127.1/", "https://10.0.0.1/", "https://[::ffff:7f00:1]/",
        "file:///etc/passwd", "gopher://127.0.0.1/", "https://user@127.0.0.1/", "https://metadata.google.internal/",
        "https://127.0.0.1.nip.io/",
    ]  # fmt: skip
    for number, url in enumerate(urls):
        more = headers | {"Idempotency-Key": str(number)}
        _must_refuse(tried, client.post("/v1/webhook-endpoints", json={"url": url}, headers=more))


def loose_settings(target: Target, client: httpx.Client, tried: Tried) -> None:
    """Headers, methods and errors that tell or allow too much (API8: security misconfiguration)."""
    pages = ["/", "/login", "/healthz", "/openapi.json", "/v1/none", "/static/page.css", target.link]
    for path in pages:
        answer = client.get(path, headers={"Origin": "https://evil.example", "Accept": "text/html"})
        tried.requests += 1
        if answer.headers.get("x-content-type-options") != "nosniff":
            tried.wrong.append(f"{path}: no nosniff")
        if "access-control-allow-origin" in answer.headers:
            tried.wrong.append(f"{path}: other sites may read it")
        if "server" in answer.headers or "Traceback" in answer.text:
            tried.wrong.append(f"{path}: tells what runs")
    for method in ("TRACE", "CONNECT", "PROPFIND"):
        _must_refuse(tried, client.request(method, "/v1/refunds"), (400, 404, 405, 501))
    for path in (
        "/docs",
        "/redoc",
        "/.env",
        "/static/../settings.py",
        "/static/%2e%2e/%2e%2e/settings.py",
        "/.git/config",
    ):
        _must_refuse(tried, client.get(path))
    mode = target.data.stat().st_mode & 0o077
    tried.requests += 1
    if mode or any(path.stat().st_mode & 0o077 for path in target.data.rglob("*") if path.is_file()):
        tried.wrong.append("files of the service are open to others")


def unknown_doors(target: Target, client: httpx.Client, tried: Tried) -> None:
    """Versions and paths that nobody keeps any more (API9: improper inventory management)."""
    for path in (
        "/v0/detect",
        "/v3/models",
        "/api/v1/detect",
        "/v1/admin",
        "/admin",
        "/internal",
        "/debug",
        "/v1/keys",
    ):
        for method in ("GET", "POST"):
            _must_refuse(tried, client.request(method, path, headers=target.headers(ATTACKER, Role.ADMIN)))


def strange_webhooks(target: Target, client: httpx.Client, tried: Tried) -> None:
    """A platform's message that is not what it should be (API10: unsafe consumption of APIs)."""
    bodies = [
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b'{"a":' * 500,
        b"\xff\xfe",
        json.dumps({"refund_id": {"$gt": ""}}).encode(),
    ]
    for number, body in enumerate(bodies):
        for name in ("taobao", "stripe_like", "nobody"):
            headers = target.headers(ATTACKER) | {
                "Content-Type": "application/json",
                "Idempotency-Key": f"{number}{name}",
            }
            answer = client.post(f"/v1/platforms/{name}/refunds", content=body, headers=headers)
            _must_refuse(tried, answer, (*REFUSED, 400, 413))


INTRUSIONS: tuple[tuple[str, Intrusion], ...] = (
    ("API1", others_objects), ("API2", no_proof), ("API3", other_members), ("API5", others_work),
    ("API7", inner_addresses), ("API8", loose_settings), ("API9", unknown_doors), ("API10", strange_webhooks),
)  # fmt: skip


def try_all(target: Target) -> list[Tried]:
    """Every intrusion, one after the other."""
    found = []
    with httpx.Client(base_url=target.base, timeout=60, follow_redirects=False) as client:
        for risk, intrusion in INTRUSIONS:
            tried = Tried(intrusion.__name__, risk)
            intrusion(target, client, tried)
            found.append(tried)
    return found
