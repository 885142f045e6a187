"""The built-in plugin for saved classifiers: a model file is an open-ended name."""

from __future__ import annotations

from xrv_core.hooks import hookimpl
from xrv_core.specs import Spec

__all__ = ["is_model_file"]

SUFFIX = ".safetensors"
SCHEME = "file://"


def is_model_file(name: str) -> bool:
    """Whether a name is a file: it ends in .safetensors, or is a ``file://`` address."""
    return name.startswith(SCHEME) or name.lower().endswith(SUFFIX)


@hookimpl
def xrv_resolve(kind: str, name: str) -> Spec | None:
    """The spec in the header of a model file."""
    if kind != "classifier" or not is_model_file(name):
        return None
    from urllib.parse import urlsplit
    from urllib.request import url2pathname  # loads ssl: too much for a listing

    from xrv_core.models.saved.header import read_spec

    return read_spec(url2pathname(urlsplit(name).path) if name.startswith(SCHEME) else name)
