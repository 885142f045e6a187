"""Import pydicom and its codecs, whatever else on the path has their names.

A folder ``gdcm``, ``openjpeg`` or ``dl`` (which gdcm imports) beside the user's script hides an installed module.
pydicom and pylibjpeg guard their imports against ImportError only, so that one broken codec would break them all.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from types import ModuleType
from typing import Any

from xrv_core.errors import MissingDependency

__all__ = ["import_pydicom", "unavailable", "why_not_imported"]

#: What each codec must have.
_CODECS = {
    "gdcm": "Version",
    "openjpeg": "decode_pixel_data",
    "rle": "decode_pixel_data",
    "libjpeg": "decode_pixel_data",
    "jpeg_ls": "decode_pixel_data",
    "pylibjpeg.utils": "get_pixel_data_decoders",
}
_broken: dict[str, str] = {}
_lock = threading.Lock()


def import_pydicom(name: str) -> None:
    """Import ``pydicom.pixels`` with the codecs that can be imported.

    Raises:
        MissingDependency: pydicom cannot be imported; the message begins with ``name`` and says why.
    """
    with _lock:
        if None in [sys.modules.get(module) for module in ("pydicom", "pydicom.pixels", "pydicom.pixels.decoders")]:
            _import_pydicom(name)


def _import_pydicom(name: str) -> None:
    hidden: dict[str, Any] = {"dl": None, "DLFCN": None}  # modules of Python 2
    before = {key: sys.modules[key] for key in (*hidden, *_CODECS) if key in sys.modules}
    sys.modules.update(hidden)
    try:
        for codec, needs in _CODECS.items():
            try:
                getattr(importlib.import_module(codec), needs)
            except Exception as error:  # what a foreign module may raise
                if reason := why_not_imported(error, codec):
                    _broken[codec] = reason
                hidden[codec] = _stand_in(codec)
                sys.modules[codec] = hidden[codec]
        importlib.import_module("pydicom")
        importlib.import_module("pydicom.pixels")  # pydicom < 3 has no decoders
    except Exception as error:
        raise MissingDependency(
            f'{name}: reading DICOM needs pydicom: pip install "xrv-core[dicom]"{why_not_imported(error, "pydicom")}'
        ) from error
    finally:
        for key in hidden:
            sys.modules.pop(key, None)
        sys.modules.update(before)


def unavailable() -> str:
    """Why codecs that are there cannot be imported; blank if none is broken."""
    return "".join(_broken.values())


def why_not_imported(error: Exception, module: str) -> str:
    """Why an import failed, and the file that was imported instead; blank if ``module`` is just not installed."""
    if isinstance(error, ModuleNotFoundError) and error.name in (module, module.partition(".")[0]):
        return ""
    top = module.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ValueError, ImportError):
        spec = None
    where = spec.origin or ", ".join(spec.submodule_search_locations or ()) if spec else top
    return (
        f". {module} cannot be imported ({type(error).__name__}: {error}); Python finds {top} in {where}. If that is "
        "a file of your own, rename it; otherwise install it again"
    )


def _stand_in(codec: str) -> ModuleType | None:
    """None is as good as not installed; pylibjpeg needs an object, whose version pydicom then refuses."""
    if codec in ("gdcm", "jpeg_ls", "pylibjpeg.utils"):
        return None
    module = ModuleType(codec)
    setattr(module, "__version__", "0")  # noqa: B010  # mypy knows no such attribute
    for function in ("decode", "decode_pixel_data", "encode", "encode_pixel_data", "pack_bits", "unpack_bits"):
        setattr(module, function, None)
    return module
