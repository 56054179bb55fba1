"""Rate limits: a bucket for each key, told in headers, refused before the body is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.detection.admission import WINDOW, Rates
from refundlens.serving.http.problems import Problem
from refundlens.serving.settings import Settings

KEY = {"Authorization": "Bearer test-key"}


def test_a_bucket_empties_refuses_and_fills_again() -> None:
    now = [0.0]
    rates = Rates(3, lambda: now[0])
    for left in (2, 1, 0):
        rates.enter("a")
        assert rates.headers("a")["RateLimit"].startswith(f'"photos";r={left};t=')
    with pytest.raises(Problem) as refused:
        rates.enter("a")
    assert refused.value.status == 429 and refused.value.headers["Retry-After"] == "20"
    assert refused.value.headers["RateLimit-Policy"] == '"photos";q=3;w=60'
    rates.enter("b")
    now[0] += 20
    rates.enter("a")
    with pytest.raises(Problem):
        rates.enter("a")


def test_photos_counted_later_leave_a_debt() -> None:
    now = [0.0]
    rates = Rates(4, lambda: now[0])
    rates.enter("a")
    rates.pay("a", 15)
    with pytest.raises(Problem) as refused:
        rates.enter("a")
    assert refused.value.headers["Retry-After"] == "195", "12 owed and one to spend, at 15 s each"
    now[0] += 195
    rates.enter("a")


def test_no_limit_says_nothing() -> None:
    rates = Rates(0, lambda: 0.0)
    rates.enter("a")
    rates.pay("a", 10_000)
    assert rates.headers("a") == {}


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 16)), max_size=60), st.integers(1, 50))
def test_no_caller_gets_more_than_the_policy_says(requests: list[tuple[float, int]], quota: int) -> None:
    """Over any time t: the quota, what fills in t, and the last request's own photos; and a wait told is enough."""
    now, spent = [0.0], 0
    rates = Rates(quota, lambda: now[0])
    for pause, photos in requests:
        now[0] += pause
        try:
            rates.enter("a")
        except Problem as refused:
            now[0] += float(refused.headers["Retry-After"])
            rates.enter("a")
        rates.pay("a", photos - 1)
        spent += photos
        assert spent <= quota + now[0] * quota / WINDOW + 15 + 1e-6


def test_refused_before_the_body_is_read_and_counted(settings: Settings, detector: Detector) -> None:
    few = settings.model_copy(update={"rate_limit": 2})
    with TestClient(create_app(few, detector), headers=KEY) as client:
        files = [("image", (str(index), b"no picture")) for index in range(2)]
        first = client.post("/v1/detect", files=files)
        assert first.status_code == 200 and first.headers["ratelimit-policy"] == '"photos";q=2;w=60'
        assert first.headers["ratelimit"].startswith('"photos";r=0;t=')
        refused = client.post("/v1/detect", content=b"x", headers={"Content-Type": "image/jpeg"})
        assert refused.status_code == 429 and refused.json()["code"] == "rate_limited"
        assert int(refused.headers["retry-after"]) >= 1 and "ratelimit" in refused.headers
        assert 'refundlens_refused_total{reason="rate_limited"} 1.0' in client.get("/metrics").text
        assert client.get("/healthz").status_code == 200


def test_a_body_too_large_is_counted(settings: Settings, detector: Detector) -> None:
    small = settings.model_copy(update={"max_request_bytes": 10})
    client = TestClient(create_app(small, detector), headers=KEY)
    assert client.post("/v1/detect", content=b"x" * 11).status_code == 413
    assert 'refundlens_refused_total{reason="too_large"} 1.0' in client.get("/metrics").text
