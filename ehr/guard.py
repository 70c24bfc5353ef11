"""Where a token may go: to its own EHR, by origin and path, and nowhere else. Pure.

Whatever address an EHR's answer names (the next page, a Location, a redirect, an absolute
reference) is written by somebody: it is followed only when it is the EHR's own. Both reference
SMART clients follow it anywhere, with the token. A name, in turn, leads where somebody's name
server says: to what addresses a connection may go is decided here as well.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from ehr.read.json import as_list, as_object, as_text

# ASCII only, no user, no escapes: what one URL parser reads here every other reads as well.
_PLACE = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
_SUSPECT = re.compile(r"[\x00-\x20\x7f-\U0010ffff\\<>\"{}^`]")
_PORTS = {"http": 80, "https": 443}
_PATH_DECODINGS = 3
_LONGEST_ADDRESS = 8000
_TYPE_AND_ID = re.compile(
    r"/?([A-Z][A-Za-z]{1,63})/([A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?"
)

# Where clouds answer whoever runs on a machine with its credentials: AWS, Azure, Google and others
# (link-local), AWS over IPv6, containers of AWS, Alibaba, Azure's wire server, Oracle.
_METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",
            "fd00:ec2::254",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
        ),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_NAT64_OF_A_SITE = IPv6Network("64:ff9b:1::/48")


class Elsewhere(ValueError):
    """An address that is not the EHR's own. The sentence does not hold the address."""


def origin(url: str) -> str:
    """Scheme, host and port as a browser writes an origin. Raises Elsewhere for what is none."""
    if len(url) > _LONGEST_ADDRESS or _SUSPECT.search(url):
        raise Elsewhere("the address is malformed")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Elsewhere("the address is malformed") from None
    if parts.scheme not in _PORTS:
        raise Elsewhere("the address is neither http nor https")
    if "@" in parts.netloc:
        raise Elsewhere("the address carries a user")
    if not _PLACE.fullmatch(parts.netloc) or parts.hostname is None or port == 0:
        raise Elsewhere("the address is malformed")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    shown = "" if port in (None, _PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{shown}"


def belongs(base: str, url: str) -> bool:
    """Whether an absolute address has the origin of the base and lies at or below its path."""
    try:
        within(base, url)
    except Elsewhere:
        return False
    return True


def within(base: str, url: str, *, relative_to: str | None = None) -> str:
    """The address, made absolute, when it lies at or below the base. Raises Elsewhere."""
    if _SUSPECT.search(url):
        raise Elsewhere("the address is malformed")
    absolute = joined(relative_to or f"{base.rstrip('/')}/", url)
    if origin(absolute) != origin(base):
        raise Elsewhere("the address leads to another server")
    # urljoin resolves plain dots; what is left of them, or is hidden, was meant to mislead.
    parts = urlsplit(absolute)
    if _climbs(urlsplit(url).path) or _climbs(parts.path):
        raise Elsewhere("the address climbs out of its path")
    home = urlsplit(base).path.rstrip("/")
    if parts.path != home and not parts.path.startswith(f"{home}/"):
        raise Elsewhere("the address lies outside of the EHR's path")
    if parts.fragment:
        raise Elsewhere("the address is malformed")
    return absolute


def joined(base: str, url: str) -> str:
    """The address made absolute, wherever it leads. Raises Elsewhere for a malformed one."""
    try:
        stated = urlsplit(url)
        absolute = urljoin(base, url)
    except ValueError:
        raise Elsewhere("the address is malformed") from None
    if stated.scheme and not stated.netloc:
        # "https:///path": one parser takes the base's host for it, another the path's first part.
        raise Elsewhere("the address is malformed")
    return absolute


def _climbs(path: str) -> bool:
    """Whether a path goes up, also by escapes ("%2e%2e", "%252e") or parameters ("..;x")."""
    decoded = path
    for _ in range(_PATH_DECODINGS):
        segments = re.split(r"[/\\]", decoded)
        if any(segment.partition(";")[0] in (".", "..") for segment in segments):
            return True
        before, decoded = decoded, unquote(decoded)
        if decoded == before:
            return False
    return True


def of_origins(origins: Collection[str], url: str) -> str:
    """The absolute address when its origin is one of these. Raises Elsewhere."""
    if origin(url) not in origins:
        raise Elsewhere("the address leads to another server")
    if urlsplit(url).fragment:
        raise Elsewhere("the address is malformed")
    return url


def next_page(base: str, page_url: str, bundle: Mapping[str, Any]) -> str | None:
    """The address of the next page, None on the last. Raises Elsewhere.

    `link.url` is the R4 name; a `next` without an address is refused, not taken for the end.
    """
    for link in map(as_object, as_list(bundle.get("link"))):
        if as_text(link.get("relation")) == "next":
            return within(base, as_text(link.get("url")) or "\\", relative_to=page_url)
    return None


def local_reference(base: str, reference: str) -> str | None:
    """A reference or Location at this EHR as "Type/id"; None when it points elsewhere.

    Relative and absolute, with or without a version.
    """
    text = reference.strip()
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text):
        try:
            absolute = within(base, text)
        except Elsewhere:
            return None
        text = urlsplit(absolute).path.removeprefix(urlsplit(base).path.rstrip("/"))
    found = _TYPE_AND_ID.fullmatch(text)
    return f"{found[1]}/{found[2]}" if found and found[2] not in (".", "..") else None


def may_connect(address: str, *, private: bool) -> bool:
    """Whether a connection may go to this IP address, as a name server gave it.

    To the public network always; to a private one (RFC 1918, RFC 4193, shared, this machine) where
    `private` says that the site means that; to link-local, metadata, multicast and unspecified
    addresses never. An IPv4 address within an IPv6 one is judged as itself.
    """
    try:
        found = _innermost(ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    if found in _METADATA or found.is_link_local or found.is_multicast or found.is_unspecified:
        return False
    is_of_a_site = isinstance(found, IPv6Address) and found in _NAT64_OF_A_SITE
    return private or (found.is_global and not is_of_a_site)


def _innermost(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one leads to (mapped, 6to4, Teredo, NAT64), else itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)
