"""Reconcile a host in passes, one at a time, and keep data between passes."""
