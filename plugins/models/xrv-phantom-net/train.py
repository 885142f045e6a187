"""Train phantom-net and phantom-ae on drawn phantoms: ``python train.py``, some CPU minutes.

Writes the weights and ``training.json``, the record from which the plugin's specs take hashes, operating points
and results. Seeds, numbers of images and versions are in the record. The training, validation and test
splits of ``phantom`` share no patient.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

import xrv_core as xrv
from xrv_core.datasets import collate
from xrv_phantom_net.model import phantom_autoencoder, phantom_classifier
from xrv_phantom_net.plugin import PHANTOM_AE, PHANTOM_NET

WEIGHTS = Path(__file__).parent / "src" / "xrv_phantom_net" / "weights"
SIZE = 128
BATCH = 64
Grey = torch.Tensor  # uint8 [N, H, W]


def render(split: str, n: int, workers: int) -> tuple[Grey, NDArray[np.float32]]:
    """Draw the first ``n`` phantoms of a split, as 8-bit grey levels, with their labels."""
    dataset = xrv.get_dataset("phantom", n=n, size=SIZE, split=split)
    batches = DataLoader(dataset, batch_size=BATCH, num_workers=workers, collate_fn=collate)
    grey = torch.cat([((batch["img"][:, 0] + 1024) * (255 / 2048)).round().byte() for batch in batches])
    return grey, dataset.labels


def pixels(grey: Grey) -> torch.Tensor:
    """``[B, 1, H, W]`` in [-1024, 1024]."""
    return (grey.float() * (2048 / 255) - 1024)[:, None]


def fit(
    model: nn.Module, loss: Callable[[torch.Tensor], torch.Tensor], n: int, rate: float, args: argparse.Namespace
) -> list[float]:
    """Train ``model`` with ``loss(indices)`` on ``n`` items; returns the mean loss of each epoch."""
    epochs, shuffle = args.epochs, torch.Generator().manual_seed(args.seed)
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=epochs * (n // BATCH))
    history = []
    model.train()
    for epoch in range(epochs):
        total = 0.0
        for indices in torch.randperm(n, generator=shuffle)[: n // BATCH * BATCH].split(BATCH):
            optimiser.zero_grad()
            value = loss(indices)
            value.backward()
            optimiser.step()
            schedule.step()
            total += value.item()
        history.append(round(total / (n // BATCH), 5))
        print(f"epoch {epoch + 1} of {epochs}: loss {history[-1]}", flush=True)
    model.eval()
    return history


def built(factory: Callable[..., Any], spec: Any, seed: int) -> Any:
    """A model with seeded random weights; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return factory(spec, None).to(memory_format=torch.channels_last)


def auroc(truth: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """Area under the ROC curve, as the share of pairs in the right order (ties count half)."""
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - 0.5 * (counts - 1))[place]
    positive = int(truth.sum())
    return float((rank[truth].sum() - positive * (positive + 1) / 2) / (positive * (len(truth) - positive)))


def operating_point(truth: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """The threshold with the largest sensitivity minus share of false alarms (Youden's index)."""
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    gain = np.cumsum(truth[order]) / truth.sum() - np.cumsum(~truth[order]) / (~truth).sum()
    gain[:-1][ranked[:-1] == ranked[1:]] = -1.0  # no threshold lies between equal scores
    best = int(np.argmax(gain))
    below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float(np.clip((ranked[best] + below) / 2, 1e-4, 1 - 1e-4))


@torch.no_grad()
def probabilities(model: nn.Module, grey: Grey) -> NDArray[np.float64]:
    """``[N, P]``."""
    return torch.cat([model(pixels(part)).sigmoid() for part in grey.split(256)]).double().numpy()


def train_classifier(data: dict[str, Any], args: argparse.Namespace) -> dict[str, Any]:
    """Train, choose operating points on the validation split, measure on the test split."""
    model = built(phantom_classifier, replace(PHANTOM_NET, op_threshs=()), args.seed)
    grey, labels = data["train"][0], torch.from_numpy(data["train"][1])

    def loss(i: torch.Tensor) -> torch.Tensor:
        return F.binary_cross_entropy_with_logits(model(pixels(grey[i])), labels[i])

    history = fit(model, loss, len(grey), 4e-3, args)
    result: dict[str, Any] = {"loss": history, "pathologies": model.pathologies}
    for split in ("valid", "test"):
        score, truth = probabilities(model, data[split][0]), data[split][1] > 0
        areas = [auroc(truth[:, i], score[:, i]) for i in range(truth.shape[1])]
        result[f"{split}_auroc"] = {name: round(a, 4) for name, a in zip(model.pathologies, areas, strict=True)}
        result[f"{split}_auroc_mean"] = round(float(np.mean(areas)), 4)
        if split == "valid":
            points = [operating_point(truth[:, i], score[:, i]) for i in range(truth.shape[1])]
            result["op_threshs"] = [round(point, 6) for point in points]
    return result | saved(model, args.out / "classifier.safetensors")


def train_autoencoder(data: dict[str, Any], args: argparse.Namespace) -> dict[str, Any]:
    """Train on the absolute error, measure it on the test split beside that of the mean image."""
    model = built(phantom_autoencoder, PHANTOM_AE, args.seed)
    grey = data["train"][0]

    def loss(i: torch.Tensor) -> torch.Tensor:
        image = pixels(grey[i])
        return F.l1_loss(model(image)["out"] / 1024, image / 1024)

    history = fit(model, loss, len(grey), 3e-3, args)
    mean, tests = pixels(grey).mean(0), data["test"][0]
    with torch.no_grad():
        errors = [(model(pixels(part))["out"] - pixels(part)).abs().mean((1, 2, 3)) for part in tests.split(256)]
    return {
        "loss": history,
        "test_mae": round(float(torch.cat(errors).mean()), 2),
        "test_mae_of_mean_image": round(float((pixels(tests) - mean).abs().mean()), 2),
    } | saved(model, args.out / "autoencoder.safetensors")


def saved(model: nn.Module, path: Path) -> dict[str, Any]:
    """Write the weights; tell what was written."""
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, path)
    path.chmod(0o644)  # save_file leaves it readable by its owner only
    content = path.read_bytes()
    return {
        "file": path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "parameters": sum(p.numel() for p in model.parameters()),
    }


PARTS: dict[str, Callable[[dict[str, Any], argparse.Namespace], dict[str, Any]]] = {
    "classifier": train_classifier,
    "autoencoder": train_autoencoder,
}


def run(part: str, args: argparse.Namespace) -> dict[str, Any]:
    """Draw, train, measure one of the two; returns its record."""
    begun, busy = time.perf_counter(), time.process_time()
    sizes = {"train": args.images, "valid": args.tests, "test": args.tests}
    result = PARTS[part]({split: render(split, n, args.workers) for split, n in sizes.items()}, args)
    return result | {
        "dataset": {"name": "phantom", "seed": 0, "size": SIZE, "images": sizes},
        "settings": {"epochs": args.epochs, "batch": BATCH, "seed": args.seed, "threads": torch.get_num_threads()},
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
        "seconds": round(time.perf_counter() - begun),
        "cpu_seconds_without_drawing": round(time.process_time() - busy),
    }


def main() -> None:
    """Train what was asked for and put it into the record."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", choices=PARTS, help="train only this one (default: both)")
    parser.add_argument(
        "--out", type=Path, default=WEIGHTS, help="folder for weights and record (default: the plugin's)"
    )
    parser.add_argument("--images", type=int, default=16_000, help="training images (default: %(default)s)")
    parser.add_argument("--tests", type=int, default=2_000, help="validation and test images (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of weights and order (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw (default: %(default)s)")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "training.json"
    record = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    for part in [args.part] if args.part else PARTS:
        record[part] = run(part, args)
        print(json.dumps(record[part], indent=2))
        path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
