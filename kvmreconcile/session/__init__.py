"""Sessions: the connection to a host, with its kinds, state, observations and specs."""
