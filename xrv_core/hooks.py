"""The hooks: what a plugin may implement. This file is the whole contract.

A plugin is a module named in the entry-point group ``xrv_core``. It implements any of these
functions, marked ``@xrv_core.hookimpl``; each returns plain data. It is imported at every listing,
so it imports nothing heavier than ``xrv_core``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pluggy

from xrv_core.specs import AutoencoderSpec, ClassifierSpec, CommandSpec, DatasetSpec, Listing, SegmenterSpec, Spec

PROJECT = "xrv_core"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def xrv_datasets() -> list[DatasetSpec]:  # type: ignore[empty-body]
    """The datasets that this plugin offers."""


@hookspec
def xrv_classifiers() -> list[ClassifierSpec]:  # type: ignore[empty-body]
    """The classifiers that this plugin offers."""


@hookspec
def xrv_autoencoders() -> list[AutoencoderSpec]:  # type: ignore[empty-body]
    """The autoencoders that this plugin offers."""


@hookspec
def xrv_segmenters() -> list[SegmenterSpec]:  # type: ignore[empty-body]
    """The segmenters that this plugin offers."""


@hookspec
def xrv_commands() -> list[CommandSpec]:  # type: ignore[empty-body]
    """The ``xrv`` commands that this plugin offers."""


@hookspec
def xrv_resolve(kind: str, name: str) -> Spec | None:
    """The spec of an open-ended name such as ``timm/convnext_tiny``, None where it is not this plugin's.

    A name that is this plugin's but cannot be used raises an ``XrvError``, which the user sees. A file that is given
    as a ``Path`` is asked for by its ``file://`` address.
    """


@hookspec
def xrv_listings() -> list[Listing]:  # type: ignore[empty-body]
    """Lists of classifiers that this plugin reads from elsewhere, such as the registries of a lab.

    Called after all plugins are loaded. Each list is reported like a plugin.
    """


@hookspec
def xrv_auth(url: str) -> Callable[..., Any] | None:
    """Authentication (of ``requests``) for the address of a file, None where this plugin has none for it."""
