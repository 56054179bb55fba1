"""No webhook reaches the network behind us, whatever its URL looks like or its name server says."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from refundlens.serving.webhooks import ssrf
from refundlens.serving.webhooks.sending import HttpSender
from refundlens.serving.webhooks.ssrf import PinnedTransport, UrlPolicy, UrlRefused, system_resolver

PUBLIC = "93.184.216.34"
PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%lo",
    "2606:4700::1111%lo",
    "fec0::1",
    "ff02::1",
    "nonsense",
]


def answering(*found: str) -> Callable[[str, int], list[str]]:
    return lambda host, port: list(found)


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_the_internets_are_refused(address: str) -> None:
    assert ssrf.refused(address)
    with pytest.raises(UrlRefused, match="address"):
        UrlPolicy(resolve=answering(address)).check("https://hooks.example/")


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "100.63.255.255", "172.32.0.1", "2606:4700::1111"])
def test_public_addresses_are_let_through(address: str) -> None:
    assert UrlPolicy(resolve=answering(address)).check("https://hooks.example/") == [address]


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(UrlRefused, match="loopback"):
        UrlPolicy(resolve=answering(PUBLIC, "127.0.0.1")).check("https://hooks.example/")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hooks.example/", "https://"),
        ("ftp://hooks.example/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("gopher://hooks.example/", "https://"),
        ("javascript:alert(1)", "https://"),
        ("//hooks.example/", "https://"),
        ("hooks.example", "https://"),
        ("", "https://"),
        ("https://", "no host"),
        ("https:///path", "no host"),
        ("https://user@hooks.example/", "user or password"),
        ("https://user:word@hooks.example/", "user or password"),
        ("https://hooks.example@127.0.0.1/", "user or password"),
        ("https://hooks.example/#part", "fragment"),
        ("https://hooks.example:22/", "Port 22"),
        ("https://hooks.example:0/", "no port 0"),
        ("https://hooks.example:99999/", "no port 99999"),
        ("https://hooks.example:port/", "no URL"),
        ("https://[::1/", "no URL"),
        ("https://hooks.example/\nX: y", "no URL"),
        ("https://hooks.example/" + "a" * 2000, "characters"),
    ],
)
def test_urls_of_a_bad_form_are_refused_without_asking_the_name_server(url: str, why: str) -> None:
    def never(host: str, port: int) -> list[str]:
        raise AssertionError("asked")

    with pytest.raises(UrlRefused, match=why):
        UrlPolicy(resolve=never).check(url)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "[::ffff:7f00:1]", "localhost"],
)
def test_all_ways_to_write_this_machine_are_refused(host: str) -> None:
    """With the system's own resolver, which answers these without a network."""
    with pytest.raises(UrlRefused):
        UrlPolicy().check(f"https://{host}/")


def test_a_host_without_address_is_refused() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    for resolve in (unknown, answering()):
        with pytest.raises(UrlRefused, match="no address"):
            UrlPolicy(resolve=resolve).check("https://hooks.example/")


def test_closed_networks_may_allow_plain_http_and_private_addresses() -> None:
    guard = UrlPolicy(allow_private=True)
    assert guard.check("http://127.0.0.1:81/") == ["127.0.0.1"]
    with pytest.raises(UrlRefused):
        guard.check("ftp://127.0.0.1/")


class Inner(httpx.AsyncBaseTransport):
    """Where the pinned requests arrive. refusing: addresses at which nobody listens."""

    def __init__(self, *refusing: str) -> None:
        self.refusing = refusing
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.url.host in self.refusing:
            raise httpx.ConnectError("refused")
        return httpx.Response(204)


def post(guard: UrlPolicy, inner: Inner, url: str = "https://hooks.example:8443/a?b=c") -> httpx.Response:
    async def run() -> httpx.Response:
        async with httpx.AsyncClient(transport=PinnedTransport(guard, inner)) as client:
            return await client.post(url, content=b"{}")

    return asyncio.run(run())


def test_the_checked_address_is_the_one_connected_to_and_tls_asks_for_the_name() -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    inner = Inner()
    post(UrlPolicy(resolve=lambda host, port: next(answers)), inner)
    (asked,) = inner.asked
    assert str(asked.url) == f"https://{PUBLIC}:8443/a?b=c"
    assert asked.headers["host"] == "hooks.example:8443"
    assert asked.extensions["sni_hostname"] == "hooks.example"


def test_a_name_that_is_rebound_after_registration_is_refused_at_delivery() -> None:
    answers = iter([[PUBLIC], ["169.254.169.254"]])
    guard, inner = UrlPolicy(resolve=lambda host, port: next(answers)), Inner()
    guard.check("https://hooks.example/")
    with pytest.raises(UrlRefused, match="link-local"):
        post(guard, inner)
    assert not inner.asked


def test_addresses_are_tried_in_turn_until_one_takes_the_connection() -> None:
    inner = Inner(PUBLIC)
    assert post(UrlPolicy(resolve=answering(PUBLIC, "2606:4700::1111")), inner).status_code == 204
    assert [request.url.host for request in inner.asked] == [PUBLIC, "2606:4700::1111"]
    with pytest.raises(httpx.ConnectError):
        post(UrlPolicy(resolve=answering(PUBLIC)), inner)


def test_a_name_reaches_the_receiver_through_the_real_transport(bench: Any, receiver: Any) -> None:
    bench.guard = UrlPolicy(allow_private=True, resolve=answering("127.0.0.1"))
    bench.endpoint(f"http://hooks.example:{receiver.port}/named")
    bench.publish()
    bench.deliver()
    (got,) = receiver.got
    assert got.path == "/named" and got.headers["host"] == f"hooks.example:{receiver.port}"


def test_a_private_endpoint_is_not_called_and_the_delivery_says_why(bench: Any, receiver: Any) -> None:
    bench.guard = UrlPolicy(resolve=answering("127.0.0.1"))
    bench.endpoint(f"https://hooks.example:{receiver.port}/")
    bench.publish()
    bench.deliver()
    assert not receiver.got
    assert "loopback" in bench.one().error and bench.one().state == "pending"


def test_proxies_of_the_environment_are_not_used(
    bench: Any, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    bench.endpoint(receiver.url)
    bench.publish()
    bench.deliver(HttpSender(bench.secret, bench.guard))
    assert len(receiver.got) == 1


def test_the_systems_resolver_gives_each_address_once() -> None:
    assert system_resolver("127.0.0.1", 443) == ["127.0.0.1"]
