"""Draw the picture of docs/features.md, from phantoms only, with umap-learn: ``python docs/make_feature_figure.py``."""

from __future__ import annotations

from make_figures import FIGURES, save_small

import xrv_core
from xrv_features import extract_features, plot_projection, project

ITEMS = 600


def main() -> None:
    data = xrv_core.get_dataset("phantom", n=ITEMS, split="test", size=128)
    found = extract_features(xrv_core.get_classifier("phantom-net"), data, batch_size=32)
    figure = plot_projection(
        project(found, "umap", seed=0),
        found.items,
        ["Effusion", "Cardiomegaly", "view", "site"],
        title="phantom-net on phantom",
        subtitle=f"UMAP of {ITEMS} images, seed 0",
    )
    path = FIGURES / "features-phantom.png"
    save_small(figure, path)
    print(f"{path} {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
