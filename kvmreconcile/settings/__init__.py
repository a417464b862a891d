"""Define and read the settings of a host, and find credential files."""
