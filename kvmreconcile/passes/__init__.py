"""
Passes over a host, one after the other: what they remember of one another, and what they tell.

Separate from the daemon, which says when there is one, and from all who follow what passes tell.
"""
