"""URI of libvirt's test driver with a state of its own per connection; `test:///default` has one per process."""

from pathlib import Path

OWN = f"test://{Path(__file__).with_name('mock.xml')}"
