"""Transfer learning, section 4 of the TorchXRayVision paper, with a timm backbone.

Trains a one-label classifier on real NIH ChestX-ray14 images with a patient-wise split, and prints the
test AUROC with its confidence interval. Needs a folder of NIH images and the matching rows of
``Data_Entry_2017_v2020.csv``:

    python docs/examples/transfer_learning.py --images DIR --csv FILE [--label Pneumonia] [--epochs 8]

Without ``--pretrained`` (which asks timm's hub for ImageNet weights) the backbone starts from random
numbers and everything is trained; with it only the new head is, as in the paper.
"""

from __future__ import annotations

import argparse
import time

import torch

import xrv_core
from xrv_core.datasets import XRayCenterCrop, XRayResizer, check_leakage, split
from xrv_core.torchvision_guard import import_torchvision
from xrv_eval import evaluate

import_torchvision()
from torchvision.transforms import v2  # noqa: E402 -- after the guard


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", required=True, help="folder, .zip or .tar of NIH images")
    parser.add_argument("--csv", required=True, help="matching rows of Data_Entry_2017_v2020.csv")
    parser.add_argument("--label", default="Pneumonia")
    parser.add_argument("--backbone", default="timm/resnet18")
    parser.add_argument(
        "--pretrained", action="store_true", help="ImageNet weights from timm's hub; trains the head only"
    )
    parser.add_argument("--size", type=int, default=128, help="pixels a side; 224 is usual where there is a GPU")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    torch.manual_seed(args.seed)
    crop = v2.Compose([XRayCenterCrop(), XRayResizer(args.size)])
    dataset = xrv_core.get_dataset("nih", args.images, args.csv, transform=crop)
    parts = split(dataset, {"train": 0.7, "test": 0.3}, by="patientid", seed=args.seed)
    check_leakage(parts["train"], parts["test"]).raise_for_leakage()
    print(dataset, {name: len(part) for name, part in parts.items()}, sep="\n")

    model = xrv_core.get_classifier(
        args.backbone, pathologies=[args.label], input_resolution=args.size, pretrained=args.pretrained
    )
    model.op_threshs = None  # logits, not calibrated probabilities
    model.classifier = torch.nn.Linear(model.classifier.in_features, 1)  # reinitialise the classifier
    trained = model.classifier if args.pretrained else model
    train(model, trained, parts["train"], dataset.pathologies.index(args.label), args.epochs)

    model.pathologies = [args.label]
    print(evaluate(model, parts["test"], seed=args.seed))


def train(model: torch.nn.Module, trained: torch.nn.Module, dataset, column: int, epochs: int) -> None:
    augment = v2.RandomAffine(10, translate=(0.05, 0.05), scale=(0.95, 1.05), fill=-1024.0)
    loader = torch.utils.data.DataLoader(dataset, batch_size=16, shuffle=True, drop_last=True)
    optimizer = torch.optim.Adam(trained.parameters(), lr=3e-4)
    criterion = torch.nn.BCEWithLogitsLoss()
    for epoch in range(epochs):
        start, total = time.perf_counter(), 0.0
        model.train()
        for batch in loader:
            loss = criterion(model(augment(batch["img"])), batch["lab"][:, column, None])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() / len(loader)
        print(f"epoch {epoch + 1}/{epochs}  loss {total:.3f}  {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
