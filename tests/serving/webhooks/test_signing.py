"""Signatures as the Standard Webhooks library sees them."""

from datetime import UTC, datetime, timedelta, timezone

from standardwebhooks import Webhook

from refundlens.serving.storage.secret import Secret
from refundlens.serving.webhooks.sending import WebhookSigner, headers, secret_text

SECRET = Secret(b"0123456789abcdef0123456789abcdef")


def test_the_library_verifies_what_we_sign_in_any_zone() -> None:
    """The library compares with its own clock: so this is signed now."""
    text = secret_text(SECRET, "whe_1", 1)
    for zone in (UTC, timezone(timedelta(hours=8))):
        signed = headers(
            SECRET, WebhookSigner("whe_1", 1, None), "evt_1", '{"name":"破洞"}', datetime.now(zone)
        )
        assert Webhook(text).verify('{"name":"破洞"}', signed) == {"name": "破洞"}


def test_secrets_differ_by_endpoint_and_number_and_stay_the_same() -> None:
    texts = {secret_text(SECRET, endpoint, number) for endpoint in ("whe_1", "whe_2") for number in (1, 2)}
    assert len(texts) == 4 and all(text.startswith("whsec_") and len(text) == 50 for text in texts)
    assert secret_text(SECRET, "whe_1", 1) in texts


def test_the_secret_before_signs_until_its_time_is_over() -> None:
    now = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
    assert WebhookSigner("whe_1", 2, now + timedelta(seconds=1)).numbers(now) == [2, 1]
    assert WebhookSigner("whe_1", 2, now).numbers(now) == [2]
    assert WebhookSigner("whe_1", 1, now + timedelta(hours=1)).numbers(now) == [1]
    both = headers(SECRET, WebhookSigner("whe_1", 2, now + timedelta(hours=1)), "evt_1", "{}", now)
    assert len(both["webhook-signature"].split(" ")) == 2
    assert both["webhook-timestamp"] == str(int(now.timestamp()))
