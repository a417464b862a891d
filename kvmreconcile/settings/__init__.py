"""What an administrator configures: the settings of a host, how they are read, and files with credentials."""
