"""Describe the patterns of fields in words."""

_HEX = "hexadecimal digits"
_UUID = "must be a UUID, such as 5f0c6f2e-8a1b-4c3d-9e7f-0123456789ab"
_MODE = 'must be an octal number of at most 5 digits, in quotes, such as "0711"'
_LINE = "may not contain control characters"

FORMS = {
    r"^/": 'must be an absolute path, which starts with "/"',
    r"^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$": "must be a MAC address, such as 52:54:00:12:34:56",
    r"^[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}$": _UUID,
    r"^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$": _UUID,
    r"^[A-Za-z0-9_-]+$": 'may contain only ASCII letters, digits, "_" and "-"',
    r"^[a-z]+$": "may contain only lower-case ASCII letters, such as vda",
    r"^[a-z-]+$": 'may contain only lower-case ASCII letters and "-"',
    r"^[^\s/:]+$": 'must be the name of a network device: no spaces, "/" or ":"',
    r"^[^/]+$": 'may not contain "/"',
    r"^[^\x00-\x1f]+$": _LINE,
    r"^[0-7]{1,5}$": _MODE,
    r"^ua-": 'must start with "ua-"',
    r"^[0-9A-Fa-f]{64}$": f"must be 64 {_HEX}, as sha256sum prints them",
    r"^(0x)?[0-9a-fA-F]{16}$": f"must be 16 {_HEX}",
    r"^0x[0-9a-fA-F]{2}$": f"must be 0x and 2 {_HEX}, such as 0x08",
    r"^0x[0-9a-fA-F]{4}$": f"must be 0x and 4 {_HEX}, such as 0x046d",
    r"^0x[0-9a-fA-F]{1,16}$": f"must be 0x and 1 to 16 {_HEX}, such as 0x0003",
    r"^([0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[0-1][0-9a-fA-F]\.[0-7]$": "must be a PCI address, such as 0000:03:00.0",
}
"""Descriptions by pattern; each description follows the name of a field."""


def describe_pattern(pattern: str) -> str:
    """
    Return the description of a pattern.

    An unknown pattern, such as one from a plug-in's kind, gets a general description.
    """
    return FORMS.get(pattern, "does not have the required format")
