"""Keeps webhooks from becoming a way into the network behind us (server-side request forgery).

In: a URL that a tenant gave. Out: the addresses it may be sent to, or Refused. `PinnedTransport` resolves and checks at
every request and connects to the very address it checked, so that a name which answers differently the second time (DNS
rebinding) gains nothing. URLs are read by httpx both here and when they are sent: two readers could disagree.

Which addresses webhooks may go to: the Internet's own, and nothing that only looks like it.

In: an address. Out: why it is refused, or nothing. Source: IANA's special-purpose address registries (RFC 6890), and
the forms in which IPv6 carries an IPv4 address. Written out here because `ipaddress.is_global` differs between
releases of Python and calls multicast global.
"""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal

import httpx

_REFUSED_4 = {
    IPv4Network(network): kind
    for network, kind in {
        "0.0.0.0/8": "this network",
        "10.0.0.0/8": "private",
        "100.64.0.0/10": "carrier's shared",  # and Alibaba Cloud's metadata service
        "127.0.0.0/8": "loopback",
        "168.63.129.16/32": "Azure's own",  # public by number, each virtual machine's host by routing
        "169.254.0.0/16": "link-local",  # and the clouds' metadata services
        "172.16.0.0/12": "private",
        "192.0.0.0/24": "reserved",
        "192.0.2.0/24": "documentation",
        "192.88.99.0/24": "6to4 relay",
        "192.168.0.0/16": "private",
        "198.18.0.0/15": "benchmarking",
        "198.51.100.0/24": "documentation",
        "203.0.113.0/24": "documentation",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved",
    }.items()
}
_GLOBAL_6 = IPv6Network("2000::/3")
"""All that is routed; what lies outside is loopback, IPv4-mapped, NAT64, local, multicast or unused."""
_REFUSED_6 = {
    IPv6Network(network): kind
    for network, kind in {
        "2001::/23": "special-purpose",  # Teredo, which carries IPv4 addresses, and others
        "2001:db8::/32": "documentation",
        "2002::/16": "6to4",
        "3fff::/20": "documentation",
    }.items()
}


def refused(text: str) -> str | None:
    """What kind of address it is if webhooks must not go there, else None. text: as a resolver gives it."""
    try:
        address = ip_address(text)
    except ValueError:
        return "unreadable"
    if isinstance(address, IPv4Address):
        return next((kind for network, kind in _REFUSED_4.items() if address in network), None)
    return _refused_6(address)


def _refused_6(address: IPv6Address) -> str | None:
    if address not in _GLOBAL_6 or address.scope_id:
        return "not a global IPv6"
    return next((kind for network, kind in _REFUSED_6.items() if address in network), None)


Resolver = Callable[[str, int], list[str]]
"""Host and port to addresses, in the order to try. Raises OSError."""

MOST_CHARACTERS = 2000
FIRST_FREE_PORT = 1024
"""Below it are a machine's own services, such as mail and shells; of those, only the web's ports are let through."""
LAST_PORT = 65_535
WEB_PORTS = frozenset({80, 443})
TRIED = 3
"""Addresses of a host that are tried before giving up; hosts with more name them in the order they prefer."""
_RESOLVING = 16
"""Threads that wait for name servers: hosts whose servers are silent hold up no other work of the process."""
_DEFAULT_PORTS = {"http": 80, "https": 443}


class UrlRefused(ValueError):
    """This URL is not called; the message says why and what would be. why: the same for pages, which have words of
    their own for it."""

    def __init__(self, message: str, why: Literal["form", "host", "private", "port"] = "form") -> None:
        super().__init__(message)
        self.why = why


def system_resolver(host: str, port: int) -> list[str]:
    """The operating system's answer; forms such as `127.1` or `0x7f000001` come out as what they mean."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class UrlPolicy:
    """allow_private: let through plain HTTP and every address; for tests and closed networks."""

    allow_private: bool = False
    resolve: Resolver = field(default=system_resolver)

    def read(self, text: str) -> httpx.URL:
        """The URL, if its form is allowed. Raises Refused."""
        if len(text) > MOST_CHARACTERS:
            raise UrlRefused(f"The URL has {len(text)} characters; {MOST_CHARACTERS} are allowed.")
        try:
            url = httpx.URL(text)
        except (httpx.InvalidURL, ValueError) as error:
            raise UrlRefused(f"This is no URL: {error}.") from error
        self._check_form(url)
        return url

    def check(self, text: str) -> list[str]:
        """The addresses it leads to, each of them allowed. Raises Refused; waits for the name server."""
        url = self.read(text)
        try:
            found = self.resolve(url.raw_host.decode("ascii"), _port(url))
        except (OSError, UnicodeError) as error:
            raise UrlRefused(f"The host {url.host} has no address; check its name.", "host") from error
        if not found:
            raise UrlRefused(f"The host {url.host} has no address; check its name.", "host")
        for address in found:  # one bad address is enough: who gives it means us to take it some day
            kind = None if self.allow_private else refused(address)
            if kind:
                raise UrlRefused(
                    f"The host {url.host} leads to a {kind} address; webhooks go to public ones.", "private"
                )
        return found[:TRIED]

    def _check_form(self, url: httpx.URL) -> None:
        allowed = ("https", "http") if self.allow_private else ("https",)
        if url.scheme not in allowed:
            raise UrlRefused(f"A webhook's URL begins with {' or '.join(f'{name}://' for name in allowed)}.")
        if not url.host:
            raise UrlRefused("The URL names no host.")
        if url.userinfo:
            raise UrlRefused("The URL holds a user or password; messages are signed instead.")
        if url.fragment:
            raise UrlRefused("The URL has a fragment (#), which is never sent; leave it out.")
        port = _port(url)
        if not 0 < port <= LAST_PORT:
            raise UrlRefused(f"There is no port {port}.", "port")
        if not self.allow_private and port < FIRST_FREE_PORT and port not in WEB_PORTS:
            raise UrlRefused(
                f"Port {port} is another service's; use 443, or one from {FIRST_FREE_PORT} on.", "port"
            )


def _port(url: httpx.URL) -> int:
    return _DEFAULT_PORTS[url.scheme] if url.port is None else url.port


class PinnedTransport(httpx.AsyncBaseTransport):
    """Sends each request to an address of its host that was checked for this request. Raises Refused.

    TLS still asks for, and checks, the host's name; the Host header stays as it was.
    """

    def __init__(self, guard: UrlPolicy, inner: httpx.AsyncBaseTransport) -> None:
        self._guard, self._inner = guard, inner
        self._threads = ThreadPoolExecutor(_RESOLVING, thread_name_prefix="resolve")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, self._guard.check, str(request.url))
        for address in found[:-1]:
            try:
                return await self._inner.handle_async_request(_pinned(request, address))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue  # nothing was sent yet
        return await self._inner.handle_async_request(_pinned(request, found[-1]))

    async def aclose(self) -> None:
        await self._inner.aclose()
        self._threads.shutdown(wait=False, cancel_futures=True)


def _pinned(request: httpx.Request, address: str) -> httpx.Request:
    """The same request to a number instead of a name."""
    name = request.url.raw_host.decode("ascii")
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": name},
    )
