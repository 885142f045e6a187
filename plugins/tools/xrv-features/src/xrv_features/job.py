"""The job of ``xrv features``: features, projection, picture and page in one folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from xrv_core.cli import ResultFolder
from xrv_core.datasets import write_csv
from xrv_core.models import versions, write_record
from xrv_features.colours import colour_column, default_colour
from xrv_features.extraction import Extraction
from xrv_features.items import items_table
from xrv_features.options import FILES, NOUN, FeaturesOptions
from xrv_features.page import render
from xrv_features.plots import colourings, plot_projection, save_png
from xrv_features.projection import Projection, choose_method, project
from xrv_features.table import FEATURES, RECORD, Features

__all__ = ["Job", "titles"]

RANDOM = "Random weights: the features show the architecture alone, without training, and differ every time."


class Job:
    """A checked job: every argument is checked before an image is read.

    Args:
        model, dataset: The model, and the dataset it runs on.
        options: How to run it.
        arguments: More arguments of the command, for the record.

    Raises:
        XrvError: An argument is not valid.
    """

    def __init__(self, model: Any, dataset: Any, options: FeaturesOptions, arguments: dict[str, Any]) -> None:
        self.options, self.arguments = options, arguments
        self.folder = ResultFolder(options.out, NOUN, FILES, options.overwrite)
        self.folder.check()
        self.method, self.note = choose_method(options.projection)
        extraction = Extraction.of(model, dataset, options)
        there = {*extraction.items.columns, *dataset.pathologies}
        more = [name for name in options.color if name not in there and name in dataset.csv.columns]
        self.extraction = replace(extraction, items=items_table(dataset, more)) if more else extraction
        self.color = [*options.color] or default_colour(self.extraction.items)
        for name in self.color:
            colour_column(self.extraction.items, name)

    def run(self) -> tuple[Features, Projection]:
        """Write the folder."""
        options = self.options
        with self.folder.fresh() as fresh:
            found = self.extraction.run(fresh / FEATURES)
            projection = project(
                found, self.method, options.seed, neighbors=options.neighbors, min_dist=options.min_dist
            )
            projection = replace(projection, note=self.note)
            found = replace(found, run=self._record(found.run, projection))
            self._write(fresh, found, projection)
        return replace(found, held=self.folder.path / FEATURES), projection

    def _record(self, run: dict[str, Any], projection: Projection) -> dict[str, Any]:
        """The record of the extraction, with the projection and the arguments of the command."""
        facts = {"method": projection.method, **projection.parameters}
        if projection.explained:
            facts["explained"] = list(projection.explained)
        arguments = {**run["arguments"], **self.arguments, "color": self.color}
        model, weights = run["model"], self.arguments.get("weights", "default")
        if weights != "default":
            model = model | {"published_weights_sha256": None}  # the published ones did not run
        if weights == "none":
            model = model | {"warning": RANDOM}
        found = run["versions"] | versions(("umap-learn", "numba") if projection.method == "umap" else ())
        facts_of_run = {"model": model, "projection": facts, "arguments": arguments, "versions": found}
        return run | facts_of_run | {"spreadsheet_safe": not self.options.raw_cells}

    def _write(self, folder: Path, found: Features, projection: Projection) -> None:
        write_record(folder / RECORD, found.run)
        table = found.items[["idx", "source_uid"]].assign(x=projection.points[:, 0], y=projection.points[:, 1])
        write_csv(table, folder / "projection.csv", raw=self.options.raw_cells)
        title, subtitle = titles(found, projection)
        panels = colourings(projection, found.items, self.color)
        picture = plot_projection(projection, found.items, self.color, title=title, subtitle=subtitle)
        save_png(picture, folder / "projection.png")
        words = {"title": title, "subtitle": subtitle, "note": projection.note}
        page = render(projection, found.items, panels, words=words, run=found.run, png=folder / "projection.png")
        (folder / "projection.html").write_text(page, encoding="utf-8", errors="backslashreplace")


def titles(found: Features, projection: Projection) -> tuple[str, str]:
    """The title of the picture and its subtitle: what it shows, and how it was made."""
    run = found.run
    drawn = " with random weights" if run["arguments"].get("weights") == "none" else ""
    what = "features" if run["features"]["method"] == "features" else "code"
    how = [f"{projection.method.upper()} of {len(found):,} images", f"{what} of {found.dimension:,} numbers"]
    if run["features"]["pool"] and len(run["features"]["shape"]) > 1:
        how[1] += f" ({' x '.join(map(str, run['features']['shape']))}, {run['features']['pool']})"
    if projection.method == "umap":
        how.append(", ".join(f"{key} {value:g}" for key, value in projection.parameters.items()))
    return f"{run['model']['name']}{drawn} on {run['dataset']['name']}", " · ".join(how)
