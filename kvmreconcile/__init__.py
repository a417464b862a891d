"""Converge the guests, networks and storage of a KVM host to YAML specs, with minimal disruption."""
