"""Posts to an Internet address that a user has entered, and nowhere else.

A host name may lead to this machine or into its network, now or later (server-side request
forgery). So the name is resolved here, all its IP addresses are checked, and the connection uses a
checked one (OWASP, "Server-Side Request Forgery Prevention").
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tuner.errors import UsageError, first_line
from tuner.language import said
from tuner.serve.messages.deadlines import cut_off

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

SECONDS, SECONDS_IN_ALL = 10.0, 30.0  # for each step of a request, and for all of it
LONGEST_URL, LONGEST_ANSWER = 2000, 200


@dataclass(frozen=True, slots=True)
class Target:
    """The address of a hook.

    Attributes:
        path: including the query.
    """

    host: str
    port: int
    path: str


def target_of(url: str) -> Target:
    """Parse an address.

    Raises:
        UsageError: it is not a valid address that begins with https://.
    """
    hint = said("write it like {example}", example="https://example.org/path")
    if len(url) > LONGEST_URL or not (url.isascii() and url.isprintable()) or " " in url:
        raise UsageError(
            said(
                "the address is too long, or has a character that is not allowed; {hint}", hint=hint
            )
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(
            said("the address cannot be read: {error}; {hint}", error=error, hint=hint)
        ) from error
    if parts.scheme != "https" or not host:
        raise UsageError(
            said("the address does not begin with https:// and a host; {hint}", hint=hint)
        )
    if "@" in parts.netloc or parts.fragment:
        raise UsageError(said("the address must have no password and no #; {hint}", hint=hint))
    query = f"?{parts.query}" if parts.query else ""
    return Target(host, port or 443, (parts.path or "/") + query)


def address_of(target: Target, allowed: Set[str]) -> str:
    """Return an IP address of a target.

    Args:
        allowed: hosts that the owner of this machine allows to be in a private network.

    Raises:
        UsageError: the host has no address, or has one that is not on the public Internet.
    """
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UsageError(
            said("the host {host} is not known: {error}", host=target.host, error=first_line(error))
        ) from error
    addresses = [str(one[4][0]) for one in found]
    if target.host not in allowed and not all(map(_is_public, addresses)):
        raise UsageError(
            said(
                "the host {host} leads into a private network, so nothing is sent there; the "
                "owner of this machine can allow it with --hook-host when starting the service",
                host=target.host,
            )
        )
    return addresses[0]


def post(target: Target, address: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    """Send bytes over TLS by POST; return the status and the beginning of the response.

    Redirects are not followed.

    Raises:
        OSError: the server cannot be reached or is too slow, or its certificate is invalid.
    """
    connection = _Pinned(target, address)
    try:
        with cut_off(SECONDS_IN_ALL, lambda: connection.sock):
            connection.request("POST", target.path, body, dict(headers))
            answer = connection.getresponse()
            said = answer.read(LONGEST_ANSWER).decode(errors="replace")
    except http.client.HTTPException as error:
        raise OSError(f"the answer is not HTTP: {type(error).__name__}") from error
    finally:
        connection.close()
    return answer.status, "".join(sign if sign.isprintable() else " " for sign in said)


class _Pinned(http.client.HTTPSConnection):
    """A connection to a checked IP address; the certificate must be the host's."""

    def __init__(self, target: Target, address: str) -> None:
        self._tls = ssl.create_default_context()
        super().__init__(target.host, target.port, timeout=SECONDS, context=self._tls)
        self._address = address

    def connect(self) -> None:
        """Connect to the IP address, without resolving the name again."""
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo and found.teredo[1])
        if inner:
            return _is_public(str(inner)) and (found.ipv4_mapped is not None or found.is_global)
        if found in ipaddress.ip_network("64:ff9b::/96"):  # an IPv4 address behind NAT64
            return _is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
    return found.is_global and not found.is_multicast
