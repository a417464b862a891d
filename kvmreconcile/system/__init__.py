"""Use the operating system: files of other users, acting as another user, child processes, the journal."""
