"""The names that real weights files use. Each becomes something inert; all others are refused."""

from __future__ import annotations

import torch

__all__ = ["DTYPES", "RENAMED", "is_inert", "shown"]

#: Packages whose classes become placeholders. None of them is imported or needs to be installed.
PACKAGES = (
    # layers, of modules that were pickled whole or compiled to TorchScript
    "__torch__.",
    "torch.nn.",
    "torchvision.models.",
    "torchvision.ops.",
    "timm.",
    "torchxrayvision.",
    # what training frameworks save with the weights: hyperparameters, callbacks, optimizers, metrics
    "lightning.",
    "lightning_fabric.",
    "lightning_utilities.",
    "pytorch_lightning.",
    "omegaconf.",
    "torchmetrics.",
    "torch.optim.",
    # the networks of latent diffusion, whose VQGAN checkpoints are in use for chest X-rays
    "ldm.",
    "taming.",
)

#: Names outside the weights: numbers, arrays, settings. A ``functools.partial`` names its function, which is
#: checked here like any other name.
SINGLE = frozenset(
    {
        "_codecs.encode",
        "addict.addict.Dict",
        "argparse.Namespace",
        *(
            f"builtins.{name}"
            for name in (
                *("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "long"),
                *("object", "range", "slice", "str", "tuple", "unicode", "xrange"),
            )
        ),
        "collections.Counter",
        "collections.defaultdict",
        "collections.deque",
        *(f"datetime.{name}" for name in ("date", "datetime", "timedelta")),
        "decimal.Decimal",
        "easydict.EasyDict",
        "functools.partial",
        *(f"numpy.{name}" for name in ("bool", "bool_", "dtype", "float16", "float32", "float64", "int32", "int64")),
        *(f"numpy.{name}" for name in ("ndarray", "str_", "uint8")),
        "numpy.core.multiarray._reconstruct",
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray._reconstruct",
        "numpy._core.multiarray.scalar",
        *(
            f"{module}.{name}"
            for module in ("pathlib", "pathlib._local")
            for name in ("Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath")
        ),
        "torch.Size",
        "torch.Tensor",
        "torch.device",
        "torch.jit._pickle.build_tensor_from_id",
        "torch.serialization._get_layout",
        *(f"torch.{name}" for name in ("bfloat16", "bool", "float16", "float32", "float64")),
        *(f"torch.{name}" for name in ("int8", "int16", "int32", "int64", "uint8")),
        "types.SimpleNamespace",
        *(f"typing.{name}" for name in ("Any", "Dict", "List", "Optional", "Tuple", "Union")),
        "yacs.config.CfgNode",
    }
)

#: No real name of ``PACKAGES`` has these parts: a module that imports ``os`` would offer ``os.system`` too.
HOSTILE_PARTS = frozenset(
    {
        *("__builtin__", "__builtins__", "__globals__", "__import__", "builtins", "codecs", "commands", "compile"),
        *("ctypes", "eval", "exec", "getattr", "importlib", "nt", "open", "os", "pickle", "popen", "Popen", "posix"),
        *("pty", "runpy", "shutil", "socket", "subprocess", "sys", "system", "webbrowser"),
    }
)

DTYPES = {
    "BFloat16Storage": torch.bfloat16,
    "BoolStorage": torch.bool,
    "ByteStorage": torch.uint8,
    "CharStorage": torch.int8,
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
    "ShortStorage": torch.int16,
}

#: Names in protocol 2 of modules that Python 3 or torch renamed.
RENAMED = {"__builtin__": "builtins", "commands": "subprocess", "copy_reg": "copyreg", "torch.tensor": "torch._tensor"}


def is_inert(module: str, name: str) -> bool:
    """Whether ``module.name`` may become a placeholder.

    ``name`` with a dot would walk through attributes (protocol 4 and later), and is refused.
    """
    full = f"{module}.{name}"
    if full in SINGLE:
        return True
    return full.startswith(PACKAGES) and "." not in name and HOSTILE_PARTS.isdisjoint(full.split("."))


def shown(name: str) -> str:
    """A name from a file, safe for a message: cut if long, escaped if it could control a terminal."""
    return name if len(name) <= 120 and name.isprintable() else repr(name[:120])
