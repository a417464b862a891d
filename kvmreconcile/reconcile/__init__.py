"""Make passes over a host, one after the other, and keep the state between them."""
