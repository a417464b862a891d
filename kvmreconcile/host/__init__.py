"""The hypervisor below the drivers: its connection, its events, its errors."""
