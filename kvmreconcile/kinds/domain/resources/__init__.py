"""Resources that a domain uses on the host: CPUs, memory, I/O."""
