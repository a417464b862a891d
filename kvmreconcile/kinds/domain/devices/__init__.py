"""Devices of a domain, one file or folder each."""
