"""libvirt's own mock, with a state that belongs to one connection alone; that of `test:///default` is the process's."""

from pathlib import Path

OWN = f"test://{Path(__file__).with_name('mock.xml')}"
