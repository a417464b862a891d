"""Count and measure what the daemon does, for Prometheus."""

from kvmreconcile.metrics.metrics import CONTENT_TYPE, Metrics

__all__ = ["CONTENT_TYPE", "Metrics"]
