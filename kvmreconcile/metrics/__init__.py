"""Collect metrics about the daemon and its host for Prometheus."""

from kvmreconcile.metrics.metrics import CONTENT_TYPE, Metrics

__all__ = ["CONTENT_TYPE", "Metrics"]
