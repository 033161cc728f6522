"""Looking into PDFs."""

import re
import zlib
from collections.abc import Iterator


def streams_of(pdf: bytes) -> Iterator[bytes]:
    """The streams of a PDF, unpacked, as far as they can be."""
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, flags=re.DOTALL):
        try:
            yield zlib.decompress(stream)
        except zlib.error:
            continue
