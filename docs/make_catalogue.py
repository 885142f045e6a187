"""Write docs/catalogue.md and the table of plugins in README.md from the specs of the installed plugins.

Run by `make docs`, checked by a test.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import xrv_core
from xrv_core.cli import markdown
from xrv_core.specs.known import FAMILIES

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/catalogue.md"
README = ROOT / "README.md"
MARKS = ("<!-- plugins: written by `make docs` -->\n", "<!-- end of plugins -->\n")
HEAD = """# Catalogue

Generated from the specs of all plugins of this repository by `make docs`; do not edit.
Nothing here is for medical use.
"""


class Own(str):
    """A cell in our own Markdown; the texts of specs are escaped."""


def row(*cells: object) -> str:
    return "| " + " | ".join(c if isinstance(c, Own) else markdown(c) for c in cells) + " |"


def table(head: list[str], rows: list[list[object]]) -> str:
    return "\n".join([row(*head), row(*[Own("---")] * len(head)), *(row(*r) for r in rows)])


def datasets() -> str:
    rows = []
    for name in xrv_core.list_datasets():
        d = xrv_core.describe_dataset(name)
        images = "any" if d.images is None else f"{d.images:,}"
        labels = ", ".join(d.pathologies) or "from the data"
        rows.append(
            [Own(f"`{name}`"), d.title, images, labels, ", ".join(d.masks) or "-", ", ".join(d.views), d.licence]
        )
    return table(["name", "title", "images", "labels", "masks", "views", "licence"], rows)


def classifiers() -> str:
    rows = []
    for name in xrv_core.list_classifiers():
        c = xrv_core.describe_classifier(name)
        labels = ", ".join(p for p, t in zip(c.pathologies, c.trained, strict=True) if t)
        hashed = "none" if c.weights is None else "sha256 published" if c.weights.verified else "unverified"
        aliases = ", ".join(f"`{a}`" for a in c.aliases) or "-"
        rows.append(
            [
                Own(f"`{name}`"),
                Own(aliases),
                c.architecture,
                c.input_resolution or "any",
                labels,
                hashed,
                c.warning or "-",
            ]
        )
    return table(["name", "aliases", "network", "pixels", "trained labels", "weights", "warning"], rows)


def autoencoders() -> str:
    rows = []
    for name in xrv_core.list_autoencoders():
        a = xrv_core.describe_autoencoder(name)
        code = " x ".join(map(str, a.code_shape)) + (f", of a codebook of {a.codebook:,}" if a.codebook else "")
        rows.append([Own(f"`{name}`"), a.architecture, a.input_resolution or "any", code, a.warning or "-"])
    return table(["name", "network", "pixels", "code", "warning"], rows)


def segmenters() -> str:
    rows = []
    for name in xrv_core.list_segmenters():
        s = xrv_core.describe_segmenter(name)
        rows.append([Own(f"`{name}`"), s.architecture, s.input_resolution or "any", len(s.structures), s.licence])
    return table(["name", "network", "pixels", "structures", "licence"], rows)


def page() -> str:
    sections = {
        "Datasets": datasets(),
        "Classifiers": classifiers(),
        "Autoencoders": autoencoders(),
        "Segmenters": segmenters(),
    }
    families = "Open-ended names: `timm/<any timm model>` is a classifier with your own labels.\n"
    return HEAD + "".join(f"\n## {title}\n\n{text}\n" for title, text in sections.items()) + "\n" + families


def plugins() -> str:
    """The table of plugins of this repository, kind by kind."""
    offers = {p.distribution.split()[0]: p.offers for p in xrv_core.plugins()}
    families = {owner: f"`{prefix}...`" for table in FAMILIES.values() for prefix, owner in table.items()}
    rows = []
    for kind in ("datasets", "models", "tools"):
        for folder in sorted((ROOT / "plugins" / kind).glob("xrv-*")):
            words = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["description"]
            offered = offers.get(folder.name, {})
            names = [n for what, found in offered.items() for n in _short(found, "xrv " if what == "command" else "")]
            names += [families[folder.name]] if folder.name in families else []
            link = f"[{folder.name}]({folder.relative_to(ROOT).as_posix()})"
            rows.append([Own(link), Own(", ".join(names)), words.removesuffix(", for xrv-core")])
    return table(["plugin", "brings", "what it is"], rows) + "\n"


def _short(names: list[str], before: str) -> list[str]:
    """Names as code; a long family as its common beginning."""
    start = names[0].rpartition("-")[0] + "-"
    if len(names) > 3 and all(name.startswith(start) for name in names):
        return [f"`{start}*` ({len(names)})"]
    return [f"`{before}{name}`" for name in sorted(names)]


def readme() -> str:
    """README.md with a fresh table of plugins."""
    before, rest = README.read_text().split(MARKS[0])
    return before + MARKS[0] + plugins() + MARKS[1] + rest.split(MARKS[1])[1]


if __name__ == "__main__":
    PAGE.write_text(page())
    README.write_text(readme())
    print(f"wrote {PAGE} and the table of plugins in {README}")
