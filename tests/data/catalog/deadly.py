"""A source with images that no decoder survives; imports little, because worker processes import it."""

from __future__ import annotations

import os
import signal

from pipeline.data.images.decode import DecodedImage
from pipeline.data.sources.folder import Folder


class Deadly(Folder):
    """A folder whose files called deadly.png kill the process."""

    def read(self, path: str) -> DecodedImage:
        """As of a folder, or the end."""
        if path.endswith("deadly.png"):
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().read(path)
