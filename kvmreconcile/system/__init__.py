"""
Use the operating system.

The subjects are files of other users, file access as another user, child processes and the journal.
"""
