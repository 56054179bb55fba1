"""What was bought: named once by whoever knows it, kept by those who do not, found, and gone with the buyer."""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from refundlens.serving.buyers import erasure
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.kit.roles import SYSTEM
from refundlens.serving.refunds import search
from refundlens.serving.refunds.schemas import MOST_PRODUCT_ID, MOST_TITLE
from refundlens.serving.storage.tables import Refund, Report, ReportText

pytestmark = pytest.mark.slow

BODY: dict[str, Any] = {"amount": {"value": 12800}, "buyer": "b", "claim": {"text": "a hole"}}
SHIRT = {"id": "TS-0117", "title": "纯棉 T 恤"}


@pytest.fixture
def shop(as_caller: Callable[..., TestClient]) -> TestClient:
    return as_caller("shop-1")


def put(shop: TestClient, **changes: Any) -> Any:
    return shop.put("/v1/refunds/R-1", json=BODY | changes)


def report(shop: TestClient, photo: Callable[..., bytes]) -> str:
    data = base64.b64encode(photo()).decode()
    image = put(shop, images={"refund": [{"data": data}]}).json()["images"][0]["id"]
    made = shop.post("/v1/reports", json={"refund_id": "R-1", "image": image, "note": "look"})
    return str(made.json()["id"])


def test_a_refund_needs_none_and_keeps_the_one_it_has(shop: TestClient) -> None:
    assert put(shop).json()["product"] is None
    named = put(shop, product=SHIRT)
    assert named.json()["product"] == SHIRT == shop.get("/v1/refunds/R-1").json()["product"]
    assert put(shop, amount={"value": 1}).json()["product"] == SHIRT, "an older script does not know of it"
    same = put(shop, amount={"value": 1}, product=SHIRT).json()
    assert same["version"] == put(shop, amount={"value": 1}, product=None).json()["version"]
    assert put(shop, product={"title": "Shirt"}).json()["product"] == {"id": None, "title": "Shirt"}


def test_a_version_that_is_known_may_name_a_product_once(shop: TestClient) -> None:
    put(shop, platform_version=7)
    assert put(shop, platform_version=7, product=SHIRT).status_code == 200
    other = put(shop, platform_version=7, product={"id": "X"})
    assert (other.status_code, other.json()["code"]) == (409, "version_reused")
    assert put(shop, platform_version=7).status_code == 200


@pytest.mark.parametrize(
    "product",
    [
        {}, {"id": None, "title": None}, {"id": ""}, {"title": " \t "}, {"title": "two\nlines"}, {"id": "a\x00b"},
        {"id": "a\x1bb"}, {"title": "a\x85b"}, {"id": "x" * (MOST_PRODUCT_ID + 1)}, {"title": "x" * (MOST_TITLE + 1)},
        {"id": 7}, {"id": "a", "price": 1}, "Shirt",
    ],
)  # fmt: skip
def test_what_names_nothing_is_refused(shop: TestClient, product: Any) -> None:
    answer = put(shop, product=product)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), answer.text
    assert shop.get("/v1/refunds/R-1").status_code == 404


def test_the_longest_and_blanks_around(shop: TestClient) -> None:
    longest = {"id": "號" * MOST_PRODUCT_ID, "title": "ﷺ" * MOST_TITLE}
    assert (
        put(shop, product={name: f" {value}\t" for name, value in longest.items()}).json()["product"]
        == longest
    )


def test_reports_follow_their_refunds_product(
    shop: TestClient, photo: Callable[..., bytes], workflow_app: FastAPI
) -> None:
    """Also those that are decided: it changes what they are found by, not what became of them."""
    identifier = report(shop, photo)

    def kept() -> tuple[str | None, str]:
        with workflow_app.state.database.reading() as session:
            row = select(Report.product, ReportText.words).join(ReportText, ReportText.report_id == Report.id)
            product, words = session.execute(row.where(Report.id == identifier)).one()
            return product, words

    assert kept() == (None, "a hole look")
    shop.post(f"/v1/reports/{identifier}/withdraw", json={})
    put(shop, product={"id": "ＴＳ－０１１７", "title": "Shirt"})
    assert kept() == ("TS-0117", "a hole look TS-0117 Shirt"), (
        "a keyboard in full width types the same number"
    )
    put(shop, product={"title": "ﷺ" * MOST_TITLE})
    product, words = kept()
    assert product is not None and len(product) == search.MOST_KEY and len(words) > 4_000


@contextmanager
def _erased(app: FastAPI) -> Iterator[Session]:
    """What is there once the buyer is erased."""
    state = app.state
    with state.database.transaction() as session:
        erasure.erase(session, state.files, DEFAULT, state.secret.buyer(DEFAULT, "b"), SYSTEM, state.clock())
    with state.database.reading() as session:
        yield session


def test_erasure_takes_the_title_and_leaves_the_number(
    shop: TestClient, photo: Callable[..., bytes], workflow_app: FastAPI
) -> None:
    put(shop, product={"id": "TS-0117", "title": "the shirt of Mr Gone"})
    identifier = report(shop, photo)
    shop.post(f"/v1/reports/{identifier}/withdraw", json={})
    put(shop, status="closed")
    with _erased(workflow_app) as session:
        refund = session.execute(select(Refund)).scalar_one()
        assert (refund.product_id, refund.product_title, refund.claim_text) == ("TS-0117", None, "")
        assert session.execute(select(Report.product)).scalar_one() == "TS-0117"
        assert session.execute(select(ReportText.words)).scalar_one() == "TS-0117"
        hits = "SELECT count(*) FROM report_search WHERE report_search MATCH '\"{}\"'"
        assert session.execute(text(hits.format("Gone"))).scalar_one() == 0
        assert session.execute(text(hits.format("TS-0117"))).scalar_one() == 1


def test_a_product_without_a_number_is_erased_whole(
    shop: TestClient, photo: Callable[..., bytes], workflow_app: FastAPI
) -> None:
    put(shop, product={"title": "the shirt of Mr Gone"})
    shop.post(f"/v1/reports/{report(shop, photo)}/withdraw", json={})
    put(shop, status="closed")
    with _erased(workflow_app) as session:
        assert session.execute(select(Report.product, ReportText.words).join(ReportText)).one() == (None, "")
    assert shop.get("/v1/refunds/R-1").json()["product"] is None
