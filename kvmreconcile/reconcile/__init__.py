"""Passes over a host, one after the other, and what they remember of one another."""
