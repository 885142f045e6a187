"""What a fresh process finds when it lists a thing and imports its code."""

from __future__ import annotations

import pickle
from pathlib import Path

from xrv_core.api import describe, load_factory, plugins
from xrv_core.errors import UnknownName
from xrv_core.specs import KINDS, Spec
from xrv_core.testing.common.probe import observe
from xrv_core.testing.common.results import NotApplicable, NotRun

__all__ = ["seen_from_outside"]


def seen_from_outside(spec: Spec, folder: Path) -> dict[str, list[str]]:
    """Findings of a fresh process; see ``probe.observe``.

    Raises:
        NotRun: Its code cannot be imported.
        NotApplicable: Its code is nothing that another process could import.
    """
    try:
        load_factory(spec)
    except Exception as error:
        raise NotRun("code_is_found") from error
    try:
        here = getattr(spec.factory, "__module__", "") == "__main__" or not pickle.dumps(spec)
    except Exception:
        here = True
    if here:
        raise NotApplicable("its code is no module that another process could import")
    kind = next(kind for kind, cls in KINDS.items() if isinstance(spec, cls))
    return observe(spec, kind, folder, _offered_by(spec, kind))


def _offered_by(spec: Spec, kind: str) -> str | None:
    """What ``XRV_PLUGINS`` must say so that the spec is listed, None where no plugin offers it."""
    offering = [p.name for p in plugins() if spec.name in p.offers.get(kind, [])]
    if offering:
        return offering[0]
    try:
        known = describe(kind, spec.name) == spec
    except UnknownName:
        known = False
    open_ended = [p.name for p in plugins() if p.open_ended]
    return ",".join(open_ended) if known and open_ended else None
