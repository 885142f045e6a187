"""The hooks: what a plugin may implement. This file is the whole contract.

A plugin is a module named in the entry-point group ``xrv_core``. It implements any of these
functions, marked ``@xrv_core.hookimpl``; each returns plain data. It is imported at every listing,
so it imports nothing heavier than ``xrv_core``.
"""

from __future__ import annotations

import pluggy

from xrv_core.specs import AutoencoderSpec, ClassifierSpec, CommandSpec, DatasetSpec, SegmenterSpec, Spec

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
    """The spec of an open-ended name such as ``timm/convnext_tiny``, None where it is not this plugin's."""
