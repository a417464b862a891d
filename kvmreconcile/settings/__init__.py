"""Define and read the settings of a host, and find files with credentials."""
