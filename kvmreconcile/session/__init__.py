"""What a pass needs of a host: its connection, the kinds, the state, what was observed, and where specs come from."""
