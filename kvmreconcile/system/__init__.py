"""Use the operating system: files of other users, file access as another user, child processes, journal."""
