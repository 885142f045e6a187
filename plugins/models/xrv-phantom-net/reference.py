"""Write the reference image, and what both networks give for it: ``python reference.py``, after ``train.py``.

``xrv verify phantom-net`` compares with these numbers: they show that a machine computes what this one did.
"""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image
from xrv_core.verify import output_numbers

import xrv_core as xrv

WEIGHTS = Path(__file__).parent / "src" / "xrv_phantom_net" / "weights"


def main() -> None:
    """Draw one phantom as an 8-bit PNG, and run the networks on that file."""
    image = WEIGHTS / "reference.png"
    pixels = xrv.get_dataset("phantom", n=40, size=224, split="test")[33]["img"]
    Image.fromarray(((pixels[0] + 1024) * (255 / 2048)).round().byte().numpy()).save(image, optimize=True)
    loaded = xrv.datasets.load_image(image)
    models = {"classifier": xrv.get_classifier("phantom-net"), "autoencoder": xrv.get_autoencoder("phantom-ae")}
    numbers = {kind: output_numbers(kind, model, loaded) for kind, model in models.items()}
    rounded = {kind: {name: round(value, 6) for name, value in found.items()} for kind, found in numbers.items()}
    (WEIGHTS / "reference.json").write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
