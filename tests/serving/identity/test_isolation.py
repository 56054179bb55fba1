"""Tenants see nothing of each other, and shops nothing of each other: every endpoint of the OpenAPI is tried.

A new endpoint with a parameter in its path fails here until `MAKERS` says how to make what the parameter names (or
`SHARED` says why there is nothing to hide), and one whose body refers to something belongs into `REFERRING`.
"""

import base64
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.identity import keys, tenants
from refundlens.serving.identity.keys import NewKeyRequest
from refundlens.serving.kit.roles import KEY_ROLES, SYSTEM, Role
from refundlens.serving.settings import Settings
from tests.support.waiting import until

pytestmark = pytest.mark.slow

PATIENCE = 30.0
"""Seconds for what the worker does by itself."""
SHARED = {
    "/v1/models": "models belong to the installation",
    "/v2/models/{name}": "the running model is everybody's",
    "/v1/platforms/{name}": "a kind of platform, not an object; the refund goes into the caller's own tenant",
    "/track/{token}": "the token itself is the permission: signed, for one report and one side",
}
OWN_NAME = {
    (
        "put",
        "/v1/refunds/{refund_id}",
    ): "the platform's id: another tenant's refund of that id is another refund",
}
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass
class World:
    """Tenant one with its objects, tenant two, and shop-2 beside shop-1. made: by the path up to the parameter."""

    client: TestClient
    keys: dict[str, str]
    photo: bytes
    made: dict[str, str] = field(default_factory=dict)

    def ask(self, who: str, method: str, path: str, **more: Any) -> Any:
        headers = {
            "Authorization": f"Bearer {self.keys[who]}",
            "Idempotency-Key": str(uuid.uuid4()),
            # with it, PUT asks for something that is there already
            **({} if method.upper() == "PUT" else {"If-Match": "*"}),
        }
        return self.client.request(method, path, headers=headers, **more)

    def must(self, who: str, method: str, path: str, **more: Any) -> Any:
        answer = self.ask(who, method, path, **more)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def get(self, prefix: str) -> str:
        """What a parameter names, made now if it was not before."""
        if prefix not in self.made:
            self.made[prefix] = MAKERS[prefix](self)
        return self.made[prefix]


def _refund(world: World) -> str:
    body = {
        "amount": {"value": 12800, "currency": "CNY"},
        "buyer": "buyer-one",
        "claim": {"type": "hole", "text": "a hole"},
        "images": {"refund": [{"name": "a.jpg", "data": base64.b64encode(world.photo).decode()}]},
    }
    return str(world.must("merchant", "PUT", "/v1/refunds/one-1", json=body)["refund_id"])


def _refunds_photo(world: World) -> str:
    refund = world.get("/v1/refunds/{refund_id}")
    return str(world.must("merchant", "GET", f"/v1/refunds/{refund}")["images"][0]["id"])


def _report(world: World) -> str:
    body = {"refund_id": world.get("/v1/refunds/{refund_id}"), "image": world.get("/v1/images/{id}")}
    identifier = str(world.must("merchant", "POST", "/v1/reports", json=body)["id"])
    until(
        lambda: world.must("merchant", "GET", f"/v1/reports/{identifier}")["state"] == "established",
        seconds=PATIENCE,
    )
    return identifier


def _appeal(world: World) -> str:
    report = world.must("adjudicator", "GET", f"/v1/reports/{world.get('/v1/reports/{id}')}")
    made = world.client.post(
        f"{urlsplit(report['track_urls']['buyer']).path}/appeal",
        data={"grounds": "The buyer says that the hole is real."},
        files={"file": ("receipt.txt", b"Bought on Monday.")},
        headers={"Accept": "application/json"},
    )
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def _appeal_file(world: World) -> str:
    shown = world.must("adjudicator", "GET", f"/v1/appeals/{world.get('/v1/appeals/{id}')}")
    return str(shown["files"][0]["id"])


def _buyer(world: World) -> str:
    refund = world.get("/v1/refunds/{refund_id}")
    return str(world.must("merchant", "GET", f"/v1/refunds/{refund}")["buyer"])


def _entry(world: World) -> str:
    world.get("/v1/reports/{id}")
    shown = world.must("adjudicator", "GET", f"/v1/buyers/{world.get('/v1/buyers/{ref}')}/integrity")
    return str(shown["entries"][0]["id"])


def _complaint(world: World) -> str:
    body = {"refund_id": world.get("/v1/refunds/{refund_id}"), "kind": "abuse", "text": "Again and again."}
    return str(world.must("merchant", "POST", "/v1/complaints", json=body)["id"])


def _endpoint(world: World) -> str:
    body = {"url": "http://127.0.0.1:9/hooks"}
    return str(world.must("admin", "POST", "/v1/webhook-endpoints", json=body)["id"])


def _delivery(world: World) -> str:
    world.get("/v1/webhook-endpoints/{id}")
    world.get("/v1/reports/{id}")
    return str(world.must("admin", "GET", "/v1/webhook-deliveries")["items"][0]["id"])


def _detection(world: World) -> str:
    answer = world.must("merchant", "POST", "/v1/detect", files={"image": ("a.jpg", world.photo)})
    return str(answer["detections"][0]["id"])


MAKERS: dict[str, Callable[[World], str]] = {
    # an endpoint before all else: it gets the deliveries of what happens afterwards
    "/v1/webhook-endpoints/{id}": _endpoint,
    "/v1/detections/{id}": _detection,
    "/v1/refunds/{refund_id}": _refund,
    "/v1/images/{id}": _refunds_photo,
    "/v1/reports/{id}": _report,
    "/v1/appeals/{id}": _appeal,
    "/v1/appeals/{id}/files/{file}": _appeal_file,
    "/v1/buyers/{ref}": _buyer,
    "/v1/buyers/{ref}/integrity/{entry_id}": _entry,
    "/v1/complaints/{id}": _complaint,
    "/v1/webhook-deliveries/{id}": _delivery,
}
REFERRING: tuple[tuple[str, Callable[[World], dict[str, Any]]], ...] = (
    ("/v1/reports", lambda world: {"refund_id": "one-1", "image": world.get("/v1/images/{id}")}),
    ("/v1/complaints", lambda world: {"refund_id": "one-1", "kind": "abuse", "text": "x"}),
    ("/v1/labels", lambda world: {"truth": "ai_edited", "image_id": world.get("/v1/images/{id}")}),
)
"""POSTs whose body names something of tenant one."""


@pytest.fixture(scope="module")
def world(
    bundle: Path, detector: Detector, photo: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    settings = Settings(
        bundle=bundle,
        data_dir=tmp_path_factory.mktemp("tenants"),
        workers=1,
        demo=False,
        single_merchant=True,
        allow_private_webhooks=True,
    )
    app = create_app(settings, detector)
    with TestClient(app, raise_server_exceptions=False) as client:
        made = World(client, _keys(app), photo(red=True))
        for prefix in MAKERS:
            made.get(prefix)
        yield made


def _keys(app: FastAPI) -> dict[str, str]:
    """`merchant` to `admin` of tenant one, `other shop`, and `stranger merchant` to `stranger admin` of tenant two."""
    now = datetime.now(UTC)
    texts = {}
    with app.state.database.transaction() as session:
        one, two = (tenants.create_tenant(session, name, now, SYSTEM).id for name in ("one", "two"))
        wishes = [
            (role.value, one, NewKeyRequest(role, f"one's {role}", account=_shop(role))) for role in KEY_ROLES
        ]
        wishes += [
            (f"stranger {role}", two, NewKeyRequest(role, f"two's {role}", account=_shop(role)))
            for role in KEY_ROLES
        ]
        wishes += [("other shop", one, NewKeyRequest(Role.MERCHANT, "their clerk", account="shop-2"))]
        for who, tenant, wish in wishes:
            texts[who] = keys.create_key(session, tenant, now, SYSTEM, wish).text
    return texts


def _shop(role: Role) -> str | None:
    """The same name in both tenants: a shop's name alone opens nothing."""
    return "shop-1" if role is Role.MERCHANT else None


def _operations(world: World) -> list[tuple[str, str, Any]]:
    """Method, path, a body that OpenAPI allows, of all that have parameters in their path."""
    document = world.client.get("/openapi.json").json()
    return [
        (method, path, _example(document, operation))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in METHODS and "{" in path and not _shared(path)
    ]


def _shared(path: str) -> bool:
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in SHARED)


def _example(document: dict[str, Any], operation: dict[str, Any]) -> Any:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    return content["example"] if "example" in content else _valid(document, content["schema"])


def _valid(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    """The schema's example, else the least that fits it."""
    if "$ref" in schema:
        return _valid(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    for given in ("examples", "enum"):
        if given in schema:
            return schema[given][0]
    for given in ("example", "const", "default"):
        if given in schema:
            return schema[given]
    if schema.get("type") == "object":
        return {name: _valid(document, schema["properties"][name]) for name in schema.get("required", ())}
    if schema.get("type") == "string":
        return "x" * schema.get("minLength", 1)
    raise NotImplementedError(f"give this schema an example: {schema}")


def _filled(world: World, path: str) -> str:
    """The path with tenant one's objects in place of its parameters."""
    filled = path
    while "{" in filled:
        start, end = filled.index("{"), filled.index("}") + 1
        prefix = path[: path.index(filled[start:end]) + end - start]
        filled = filled[:start] + world.made[prefix] + filled[end:]
    return filled


def test_every_parameter_has_a_maker(world: World) -> None:
    wanted = set()
    for _, path, _ in _operations(world):
        ends = [place + 1 for place, letter in enumerate(path) if letter == "}"]
        wanted |= {path[:end] for end in ends}
    assert wanted == set(MAKERS), "MAKERS is to name every parameter of a path, and no other"


def test_nothing_of_another_tenant_is_found(world: World) -> None:
    wrong = []
    for method, path, body in _operations(world):
        if (method, path) in OWN_NAME:
            continue
        answer = world.ask("stranger admin", method, _filled(world, path), json=body)
        if answer.status_code != 404:
            wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("role", [Role.MERCHANT, Role.ADJUDICATOR, Role.ENGINEER])
def test_no_role_of_another_tenant_gets_in(world: World, role: Role) -> None:
    for method, path, body in _operations(world):
        if (method, path) not in OWN_NAME:
            answer = world.ask(f"stranger {role}", method, _filled(world, path), json=body)
            assert answer.status_code in (403, 404), f"{method} {path}: {answer.status_code} {answer.text}"


def test_a_shop_finds_nothing_of_another_shop(world: World) -> None:
    for method, path, body in _operations(world):
        answer = world.ask("other shop", method, _filled(world, path), json=body)
        if (method, path) in OWN_NAME:
            assert not answer.is_success, f"{method} {path}: {answer.status_code}"
        else:
            assert answer.status_code in (403, 404), f"{method} {path}: {answer.status_code} {answer.text}"


@pytest.mark.parametrize(("path", "body"), REFERRING)
def test_no_body_reaches_into_another_tenant(
    world: World, path: str, body: Callable[[World], dict[str, Any]]
) -> None:
    answer = world.ask("stranger admin", "POST", path, json=body(world))
    assert answer.status_code == 404, answer.text


def test_lists_hold_only_ones_own(world: World) -> None:
    document = world.client.get("/openapi.json").json()
    pages = [
        path
        for path, operations in document["paths"].items()
        if "{" not in path
        and not _shared(path)
        and any(one["name"] == "cursor" for one in operations.get("get", {}).get("parameters", []))
    ]
    assert len(pages) >= 6
    for path in pages:
        theirs = world.must("stranger admin", "GET", path)
        assert theirs["items"] == [], path
        if path not in ("/v1/webhook-endpoints", "/v1/webhook-deliveries"):
            shops = world.ask("other shop", "GET", path)
            assert shops.status_code == 403 or shops.json()["items"] == [], path


def test_the_same_refund_id_in_another_tenant_is_another_refund(world: World) -> None:
    before = world.must("merchant", "GET", "/v1/refunds/one-1")
    body = {
        "amount": {"value": 1, "currency": "CNY"},
        "buyer": "buyer-one",
        "claim": {"type": "hole", "text": "x"},
    }
    theirs = world.ask("stranger merchant", "PUT", "/v1/refunds/one-1", json=body)
    assert theirs.is_success, theirs.text
    assert theirs.json()["buyer"] != before["buyer"], "a buyer's name differs from tenant to tenant"
    assert world.must("merchant", "GET", "/v1/refunds/one-1") == before


def test_an_idempotency_key_is_its_tenants_own(world: World) -> None:
    """Whoever guesses another's key gets neither the stored answer nor a conflict that tells of it."""
    key, made = {"Idempotency-Key": "guessed-1"}, {}
    for who in ("admin", "stranger admin"):
        headers = {"Authorization": f"Bearer {world.keys[who]}", **key}
        body = {"url": "http://127.0.0.1:9/hooks", "description": who}
        answer = world.client.post("/v1/webhook-endpoints", json=body, headers=headers)
        assert answer.status_code == 201 and "Idempotent-Replayed" not in answer.headers, answer.text
        made[who] = answer.json()
    assert len({one["id"] for one in made.values()}) == 2
    for who in ("merchant", "other shop", "stranger merchant"):
        headers = {"Authorization": f"Bearer {world.keys[who]}", "Content-Type": "image/jpeg", **key}
        answer = world.client.post("/v1/detect", content=world.photo, headers=headers)
        assert answer.status_code == 200, (who, answer.text)
        made[who] = answer.json()["detections"][0]
    assert len({one["id"] for one in made.values()}) == 5


TRICKS = (
    "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e", "a%00.jpg", "x" * 5_000, "%ff%fe", "'%20OR%201=1--", "..%5c..%5cwindows",
    "%0d%0aSet-Cookie:%20a=b",
)  # fmt: skip
"""Ids that are none."""


def test_an_id_that_is_none_finds_nothing(world: World) -> None:
    """Paths that climb, ends of strings, quotes, bytes that are no text: nothing is found, and nothing breaks."""
    wrong = []
    for method, path, body in _operations(world):
        if _shared(path):
            continue
        for trick in TRICKS:
            tried = re.sub(r"\{[^}]*\}", lambda _, trick=trick: trick, path)
            answer = world.ask("admin", method, tried, json=body)
            found = answer.status_code < 300 and (method, path) not in OWN_NAME
            if answer.status_code >= 500 or found or "a" in answer.cookies or "root:" in answer.text:
                wrong.append(f"{method} {tried[:80]}: {answer.status_code} {answer.text[:120]}")
    assert not wrong, "\n".join(wrong)


UNKEPT = "/v1/detections/{id}/evidence.jpg"
"""Needs the photo, and that of the detection here came to /v1/detect, which keeps none."""


def test_what_was_made_is_there_for_its_own_tenant(world: World) -> None:
    """Else the tests above would prove nothing. Last, since it changes what it finds."""
    for method, path, body in sorted(_operations(world), key=lambda one: METHODS.index(one[0])):
        if (method, path) in OWN_NAME:
            continue
        answer = world.ask("admin", method, _filled(world, path), json=body)
        if path == UNKEPT:
            assert answer.json()["detail"].startswith("No photo of"), answer.text
            continue
        assert answer.status_code not in (401, 403, 404, 405, 422, 500), f"{method} {path}: {answer.text}"
