"""Define the types of values in networks' specs, with their validation."""

import re
from ipaddress import ip_address, ip_interface
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

INFINITE = "infinite"
"""A lease without end."""


def _check_address(text: str) -> str:
    """
    Return an IPv4 or IPv6 address unchanged.

    Raises:
        ValueError: The text is not an IP address.
    """
    ip_address(text)
    return text


def _check_cidr(text: str) -> str:
    """
    Return an address with its prefix length unchanged.

    Raises:
        ValueError: The text is not an IP address, or has no prefix length.
    """
    if not re.search(r"/\d+$", text):
        raise ValueError('write the address with its prefix length as a number, such as "/24"')
    ip_interface(text)
    return text


def _check_lease_time(text: str) -> str:
    """
    Return a lease time unchanged.

    Raises:
        ValueError: The text is neither "infinite" nor a positive integer with s, min or h.
    """
    if text != INFINITE and not re.fullmatch(r"[1-9]\d*(s|min|h)", text):
        raise ValueError('a lease time is "infinite" or a positive integer with s, min or h, such as "12h"')
    return text


Address = Annotated[str, AfterValidator(_check_address)]
"""An IPv4 or IPv6 address."""

Cidr = Annotated[str, AfterValidator(_check_cidr)]
"""An address with its prefix length."""

LeaseTime = Annotated[str, AfterValidator(_check_lease_time)]
"""How long a lease holds: "infinite", or a number with s, min or h."""

Port = Annotated[int, Field(ge=0, le=65535)]
"""A number of 16 bits, as ports, priorities and weights are."""

BridgeName = Annotated[str, StringConstraints(min_length=1, max_length=15, pattern=r"^[^\s/:]+$")]
"""A name that the kernel allows for a network device."""
