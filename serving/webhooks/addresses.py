"""Which addresses webhooks may go to: the Internet's own, and nothing that only looks like it.

In: an address. Out: why it is refused, or nothing. Source: IANA's special-purpose address registries (RFC 6890), and
the forms in which IPv6 carries an IPv4 address. Written out here because `ipaddress.is_global` differs between
releases of Python and calls multicast global.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

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
