"""What a buyer attaches to an appeal beside photos: adjudicators get it as it came, merchants do not, and it goes with
the refund's photos."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from refundlens.serving.buyers import retention
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.settings import Settings
from refundlens.serving.workflow.states import RefundStatus, ReportState
from tests.support.desk import Desk

pytestmark = pytest.mark.slow

PDF = b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj"
RECEIPT = "收据：128 元".encode()
MOVIE = b"\x00\x00\x00\x18ftypqt  a clip"


@pytest.fixture
def appealed(
    workflow_app: FastAPI,
    as_caller: Callable[[str], Any],
    create_dispute: Callable[..., Any],
    moving_clock: Any,
) -> Callable[..., tuple[Any, str]]:
    """Appeals with files by the buyer's link: the answer, and the link."""

    def bring(*files: tuple[str, bytes]) -> tuple[Any, str]:
        state = workflow_app.state
        with state.database.transaction() as session:
            made = create_dispute(
                session,
                moving_clock(),
                buyer="b" * 64,
                tenant=DEFAULT,
                files=state.files,
                state=ReportState.NEEDS_REVIEW,
            )
            path = f"/v1/reports/{made.report.id}"
        body = {"decision": "established", "reason_code": "other", "reason": "Seen beside the listing."}
        assert as_caller("ann").post(f"{path}/decision", json=body).status_code == 200
        link = as_caller("ann").get(path).json()["track_urls"]["buyer"]
        sent = [("file", file) for file in files]
        answer = TestClient(workflow_app).post(f"{link}/appeal", data={"grounds": "It is torn."}, files=sent)
        return answer, link

    return bring


def test_an_adjudicator_gets_them_as_they_came(
    workflow_app: FastAPI, as_caller: Callable[[str], Any], appealed: Callable[..., tuple[Any, str]]
) -> None:
    answer, link = appealed(("发票.pdf", PDF), ("../note.txt", RECEIPT), ("unpacking.mov", MOVIE))
    assert answer.status_code == 201, answer.text
    path = f"/v1/appeals/{answer.json()['id']}"
    files = as_caller("bob").get(path).json()["files"]
    assert [(one["name"], one["media_type"]) for one in files] == [
        ("发票.pdf", "application/pdf"), ("note.txt", "text/plain"), ("unpacking.mov", "video/mp4"),
    ]  # fmt: skip
    for one, content in zip(files, (PDF, RECEIPT, MOVIE), strict=True):
        got = as_caller("bob").get(one["url"])
        assert got.content == content
        assert got.headers["content-disposition"].startswith("attachment")
        assert (
            got.headers["x-content-type-options"] == "nosniff"
            and "sandbox" in got.headers["content-security-policy"]
        )
    desk = Desk(workflow_app, "bob", "zh")
    page = desk.get(path.removeprefix("/v1")).text
    assert "发票.pdf" in page and "随申诉提交的文件" in page
    assert desk.get(files[0]["url"].removeprefix("/v1")).content == PDF
    buyer = TestClient(workflow_app, headers={"Accept": "text/html", "Accept-Language": "zh"}).get(link).text
    assert "发票.pdf" in buyer and "It is torn." in buyer


def test_others_do_not(
    workflow_app: FastAPI, as_caller: Callable[[str], Any], appealed: Callable[..., tuple[Any, str]]
) -> None:
    answer, _ = appealed(("receipt.pdf", PDF))
    path = f"/v1/appeals/{answer.json()['id']}"
    url = as_caller("bob").get(path).json()["files"][0]["url"]
    assert as_caller("shop-1").get(path).json()["files"] == []
    assert as_caller("shop-1").get(url).status_code == 403
    assert as_caller("eve").get(url).status_code == 403
    assert TestClient(workflow_app).get(url).status_code == 401
    assert as_caller("bob").get(f"{url}x").status_code == 404
    second, _ = appealed()
    strange = url.replace(answer.json()["id"], second.json()["id"])
    assert as_caller("bob").get(strange).status_code == 404


@pytest.mark.parametrize(
    "files",
    [
        [("setup.pdf", b"MZ\x90\x00\x03")],
        [("page.html", b"\x00\x01")],
        [("empty.txt", b"")],
        [("a.pdf", PDF)] * 5,
    ],
)
def test_what_is_not_taken_leaves_the_appeal_open(
    as_caller: Callable[[str], Any], appealed: Callable[..., tuple[Any, str]], files: list[tuple[str, bytes]]
) -> None:
    answer, _ = appealed(*files)
    assert answer.status_code in (400, 422), answer.text
    assert as_caller("bob").get("/v1/appeals").json()["items"] == []


def test_they_go_with_the_photos(
    workflow_app: FastAPI,
    as_caller: Callable[[str], Any],
    appealed: Callable[..., tuple[Any, str]],
    moving_clock: Any,
) -> None:
    answer, link = appealed(("receipt.pdf", PDF))
    path = f"/v1/appeals/{answer.json()['id']}"
    url = as_caller("bob").get(path).json()["files"][0]["url"]
    body = {"decision": "uphold", "reason_code": "other", "reason": "Drawn, seen at full size."}
    assert as_caller("bob").post(f"{path}/decision", json=body).status_code == 200
    state = workflow_app.state
    with state.database.transaction() as session:
        assert retention.sweep_unclaimed(session, state.files, moving_clock() + timedelta(days=400)) == 0
        refund = session.query(retention.Refund).one()
        refund.status, refund.closed_at = RefundStatus.CLOSED.value, moving_clock()
    later = moving_clock() + timedelta(days=400)
    with state.database.transaction() as session:
        assert retention.erase_old_photos(session, state.files, later, Settings(keep_photos_days=180)) == 1
    assert as_caller("bob").get(url).status_code == 410
    (file,) = as_caller("bob").get(path).json()["files"]
    assert file["name"] is None and file["url"] is None
    page = TestClient(workflow_app, headers={"Accept": "text/html"}).get(link).text
    assert "receipt.pdf" not in page
    assert PDF not in {state.files.get(name) for name in state.files.older(later)}


def test_a_photo_that_is_none_is_refused_in_the_buyer_s_language(
    workflow_app: FastAPI, appealed: Callable[..., tuple[Any, str]]
) -> None:
    _, link = appealed()
    chinese = TestClient(workflow_app, headers={"Accept": "text/html", "Accept-Language": "zh"})
    answer = chinese.post(
        f"{link}/appeal", data={"grounds": "真的破了。"}, files={"image": ("a.jpg", b"no photo")}
    )
    assert answer.status_code == 422, answer.text
    assert "无法读取此文件" in answer.text and "not a picture" not in answer.text
    assert 'class="button"' not in answer.text, "what was typed is behind the Back button"
    english = chinese.post(
        f"{link}/appeal", data={"grounds": "Torn."}, files={"image": ("a.jpg", b"no photo")},
        headers={"Accept-Language": "en"},
    )  # fmt: skip
    assert "not a picture" in english.text


def test_a_buyer_sees_that_photos_came_and_how_many_may(
    workflow_app: FastAPI,
    photo: Callable[..., bytes],
    appealed: Callable[..., tuple[Any, str]],
    moving_clock: Any,
) -> None:
    answer, link = appealed(*[(f"{number}.pdf", PDF) for number in range(5)])
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_attachments")
    buyer = TestClient(workflow_app, headers={"Accept": "text/html", "Accept-Language": "zh"})
    photos = [
        ("image", (f"照片{number}.jpg", photo(size=(90 + number, 64)), "image/jpeg")) for number in range(5)
    ]
    refused = buyer.post(f"{link}/appeal", data={"grounds": "真的破了。"}, files=photos)
    assert "最多附 4 张照片" in refused.text
    sent = [*photos[:2], ("file", ("发票.pdf", PDF, "application/pdf"))]
    buyer.post(f"{link}/appeal", data={"grounds": "真的破了。"}, files=sent)
    page = buyer.get(link).text
    assert [name for name in ("照片0.jpg", "照片1.jpg", "照片2.jpg", "发票.pdf") if f"<li>{name}</li>" in page] == [
        "照片0.jpg", "照片1.jpg", "发票.pdf"
    ]  # fmt: skip


def test_spaces_alone_appeal_nothing(workflow_app: FastAPI, appealed: Callable[..., tuple[Any, str]]) -> None:
    """An appeal's answer is final: nobody spends theirs with a slip of the thumb."""
    _, link = appealed()
    buyer = TestClient(workflow_app)
    for sent in ({"data": {"grounds": " \n "}}, {"json": {"grounds": "   "}}):
        assert buyer.post(f"{link}/appeal", **sent).status_code == 422, sent
