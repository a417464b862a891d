"""State of a domain, its changes and shutdown, and its data after a removal."""
