"""The lifecycle of a domain: state, updates, shutdown and removal."""
