"""Compare one object with its spec: what differs, and the steps that bring it there."""
