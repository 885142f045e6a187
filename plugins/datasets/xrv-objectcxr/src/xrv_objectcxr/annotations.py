"""Read the annotations of Object-CXR: ``TYPE x1 y1 x2 y2;TYPE x1 y1 ... xn yn;...``."""

from __future__ import annotations

from textwrap import shorten

from xrv_core.datasets import check_shape
from xrv_core.errors import ArgumentError, TableError

_KINDS = {"0": "rectangle", "1": "ellipse", "2": "polygon"}

Shape = tuple[str, tuple[float, ...]]


def read_shapes(cell: str, where: str) -> list[Shape]:
    """The shapes of one annotation, for ``xrv_core.datasets.shapes_mask``.

    Args:
        cell: The annotation of an image.
        where: File and image, for messages.

    Raises:
        TableError: A part of the cell is not a shape.
    """
    shapes = []
    for part in filter(None, map(str.strip, cell.split(";"))):
        kind, *numbers = part.split()
        try:
            shape = (_KINDS[kind], tuple(map(float, numbers)))
            check_shape(*shape)
        except (KeyError, ValueError) as error:
            why = f" {error}" if isinstance(error, ArgumentError) else ""
            raise TableError(
                f"{where}: {shorten(part, 80)!r} is not an annotation.{why} "
                "Expected: 0 (rectangle), 1 (ellipse) or 2 (polygon), then coordinates."
            ) from error
        shapes.append(shape)
    return shapes
