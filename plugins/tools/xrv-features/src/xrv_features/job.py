"""The whole job of ``xrv features``: features, projection, picture and page, in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xrv_core.cli import ResultFolder
from xrv_core.models import Loading, check_device, versions
from xrv_features.colours import colour_column, default_colour
from xrv_features.extraction import FILES, NOUN, Extraction, write_record
from xrv_features.items import items_table
from xrv_features.page import render
from xrv_features.plots import colourings, plot_projection, save_png
from xrv_features.projection import Projection, choose_method, project
from xrv_features.table import FEATURES, Features

__all__ = ["Job", "Wanted", "titles"]

RANDOM = "Random weights: the features tell what the architecture alone makes of the images, and differ every time."


@dataclass(frozen=True)
class Wanted:
    """What the command was asked for; names as its options."""

    out: str
    overwrite: bool
    pool: str
    color: Sequence[str]
    projection: str | None
    neighbors: int
    min_dist: float
    seed: int
    batch_size: int
    num_workers: int
    device: str | None


class Job:
    """A checked job: whatever can be refused is refused before an image is read.

    Args:
        model, dataset: What to run, over what.
        wanted: How.
        told: What the record says of the command's arguments besides.

    Raises:
        XrvError: Something cannot be used.
    """

    def __init__(self, model: Any, dataset: Any, wanted: Wanted, told: dict[str, Any]) -> None:
        self.wanted, self.told = wanted, told
        self.folder = ResultFolder(wanted.out, NOUN, FILES, wanted.overwrite)
        self.folder.check()
        self.method, self.note = choose_method(wanted.projection)
        loading = Loading(wanted.batch_size, wanted.num_workers, check_device(wanted.device))
        extraction = Extraction.of(model, dataset, wanted.pool, (), loading)
        there = {*extraction.items.columns, *dataset.pathologies}
        more = [name for name in wanted.color if name not in there and name in dataset.csv.columns]
        self.extraction = replace(extraction, items=items_table(dataset, more)) if more else extraction
        self.color = [*wanted.color] or default_colour(self.extraction.items)
        for name in self.color:
            colour_column(self.extraction.items, name)

    def run(self) -> tuple[Features, Projection]:
        """Write the folder."""
        wanted = self.wanted
        with self.folder.fresh() as fresh:
            found = self.extraction.run(fresh / FEATURES)
            projection = project(found, self.method, wanted.seed, neighbors=wanted.neighbors, min_dist=wanted.min_dist)
            projection = replace(projection, note=self.note)
            found = replace(found, run=self._told(found.run, projection))
            self._write(fresh, found, projection)
        return replace(found, held=self.folder.path / FEATURES), projection

    def _told(self, run: dict[str, Any], projection: Projection) -> dict[str, Any]:
        facts = {"method": projection.method, **projection.parameters}
        if projection.explained:
            facts["explained"] = list(projection.explained)
        arguments = {**run["arguments"], **self.told, "color": self.color}
        model = run["model"]
        if self.told.get("weights", "default") != "default":
            model = model | {"published_weights_sha256": None}  # those are not what was run
        if self.told.get("weights") == "none":
            model = model | {"warning": RANDOM}
        found = run["versions"] | versions(("umap-learn", "numba") if projection.method == "umap" else ())
        return run | {"model": model, "projection": facts, "arguments": arguments, "versions": found}

    def _write(self, folder: Path, found: Features, projection: Projection) -> None:
        write_record(folder, found.run)
        table = found.items[["idx", "source_uid"]].assign(x=projection.points[:, 0], y=projection.points[:, 1])
        table.to_csv(folder / "projection.csv", index=False)
        title, subtitle = titles(found, projection)
        panels = colourings(projection, found.items, self.color)
        picture = plot_projection(projection, found.items, self.color, title=title, subtitle=subtitle)
        save_png(picture, folder / "projection.png")
        words = {"title": title, "subtitle": subtitle, "note": projection.note}
        page = render(projection, found.items, panels, words=words, run=found.run, png=folder / "projection.png")
        (folder / "projection.html").write_text(page, encoding="utf-8")


def titles(found: Features, projection: Projection) -> tuple[str, str]:
    """What is seen, and how it was made."""
    run = found.run
    drawn = " with random weights" if run["arguments"].get("weights") == "none" else ""
    what = "features" if run["features"]["method"] == "features" else "code"
    how = [f"{projection.method.upper()} of {len(found):,} images", f"{what} of {found.dimension:,} numbers"]
    if run["features"]["pool"] and len(run["features"]["shape"]) > 1:
        how[1] += f" ({' x '.join(map(str, run['features']['shape']))}, {run['features']['pool']})"
    if projection.method == "umap":
        how.append(", ".join(f"{key} {value:g}" for key, value in projection.parameters.items()))
    return f"{run['model']['name']}{drawn} on {run['dataset']['name']}", " · ".join(how)
