"""Resources of the host that a domain uses: CPUs, memory and I/O."""
