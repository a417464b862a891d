"""Sessions: the connection to a host with the kinds, the state, observations and the source of specs."""
