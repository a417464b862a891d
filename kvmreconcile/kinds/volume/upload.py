"""Upload a local image file into a volume, without its holes."""

from contextlib import ExitStack, suppress
from io import FileIO

import libvirt

from kvmreconcile.errors import HostError
from kvmreconcile.host.errors import translated
from kvmreconcile.kinds.volume.image import Image, SparseReader


def upload(virt: libvirt.virConnect, volume: libvirt.virStorageVol, file: FileIO, image: Image) -> None:
    """Copy an open image file into a volume. If the copy fails, the transfer is aborted."""
    stream, reader = virt.newStream(0), SparseReader(file, image.size)
    with ExitStack() as undo:
        # Otherwise libvirt would continue to write, into a deleted file.
        undo.callback(_abort, stream)
        file.seek(0)
        volume.upload(stream, 0, image.size, libvirt.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM)
        stream.sparseSendAll(reader.read, reader.extent, reader.skip, None)
        stream.finish()
        undo.pop_all()


def _abort(stream: libvirt.virStream) -> None:
    with suppress(HostError), translated("stream"):
        stream.abort()
