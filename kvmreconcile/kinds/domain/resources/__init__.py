"""Resources of the host that a domain uses: processors, memory and I/O."""
