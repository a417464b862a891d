"""What the daemon counts and measures, for Prometheus. Separate from the daemon, which only tells what happens."""

from kvmreconcile.metrics.metrics import CONTENT_TYPE, Metrics

__all__ = ["CONTENT_TYPE", "Metrics"]
