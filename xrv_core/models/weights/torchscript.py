"""Take the weights out of a TorchScript archive without running its code.

``torch.jit.save`` pickles the tree of modules to ``data.pkl``, each an object of a class
``__torch__....`` whose attributes are tensors, submodules and settings alike. Which tensors are
parameters or buffers follows from the code in the archive: the lists ``__parameters__`` and
``__buffers__`` at the head of each class. They are read as text; the methods below them are ignored.
Before torch 1.8 there was no list of buffers, and every other tensor was one.
"""

from __future__ import annotations

import itertools
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from xrv_core.assets import limit, within
from xrv_core.errors import CheckpointError
from xrv_core.models.weights.inert import CLASS_SIZE, Effort, Placeholder, TensorRecord, layers
from xrv_core.models.weights.names import shown

__all__ = ["Script", "ScriptClass", "read_classes", "script_records"]

#: Before the names of classes that are written in C++, such as those that hold quantised weights.
NATIVE = "__torch__.torch.classes."

_CLASS = re.compile(r"^class (\w+)(?:\((\w+)\))?:$", re.MULTILINE)
_METHOD = re.compile(r"^  def ", re.MULTILINE)
_TENSOR = re.compile(r'^  (?:(\w+) : |__annotations__\["([^"\n]+)"\] = )Tensor$', re.MULTILINE)


class ScriptClass(NamedTuple):
    """The head of a class.

    Attributes:
        is_module: It is a module, not a plain class, an enum or a named tuple.
        parameters: Names of its parameters.
        buffers: Names of its buffers.
    """

    is_module: bool
    parameters: frozenset[str]
    buffers: frozenset[str]


class Script(NamedTuple):
    """The parts of a TorchScript archive besides its tree of modules.

    Attributes:
        classes: By name, without the mark of the package, such as ``__torch__.torchvision.models.resnet.ResNet``.
        constants: The contents of ``constants.pkl``.
    """

    classes: Mapping[str, ScriptClass]
    constants: Any


def read_classes(archive: zipfile.ZipFile, folder: str) -> dict[str, ScriptClass]:
    """The heads of all classes in the code of an archive.

    Args:
        archive: The archive.
        folder: The folder of the code, with a slash at its end.

    Raises:
        OverLimit: The code is larger, or has more classes, than that of any real model.
    """
    found: dict[str, ScriptClass] = {}
    infos = [i for i in archive.infolist() if i.filename.startswith(folder) and i.filename.endswith(".py")]
    within("document", sum(i.file_size for i in infos))
    for info in infos:
        module = info.filename.removeprefix(folder).removesuffix(".py").replace("/", ".")
        text = archive.read(info).decode()  # reads no more than the stated size
        heads = list(itertools.islice(_CLASS.finditer(text), limit("objects") // CLASS_SIZE + 1))
        within("objects", CLASS_SIZE * (len(found) + len(heads)))
        for number, head in enumerate(heads):
            end = heads[number + 1].start() if number + 1 < len(heads) else len(text)
            method = _METHOD.search(text, head.end(), end)
            body = text[head.end() : method.start() if method else end]
            found[f"{module}.{head[1]}"] = _class(head[2] == "Module", body)
    return found


def _class(is_module: bool, body: str) -> ScriptClass:
    parameters = _listed("__parameters__", body) or frozenset()
    buffers = _listed("__buffers__", body)
    if buffers is None:
        buffers = frozenset(plain or quoted for plain, quoted in _TENSOR.findall(body)) - parameters
    return ScriptClass(is_module, parameters, buffers)


def _listed(name: str, body: str) -> frozenset[str] | None:
    line = re.search(rf"^  {name} = \[(.*)\]$", body, re.MULTILINE)
    return None if line is None else frozenset(re.findall(r'"([^"]*)"', line[1]))


def script_records(root: Any, script: Script, file: str) -> Iterator[tuple[str, TensorRecord]]:
    """The entries of ``torch.jit.load(file).state_dict()``, in its order.

    Args:
        root: The unpickled tree of modules.
        script: The other parts of the archive.
        file: Name of the file, for messages.

    Raises:
        CheckpointError: The module is frozen or quantised, or the archive has none.
    """
    if not isinstance(root, Placeholder):
        raise CheckpointError(f"Weights file {file} is a TorchScript archive without a module in it.")
    found = list(_records(root, script, file))
    if not found:
        constants = script.constants if isinstance(script.constants, tuple) else ()
        count = sum(isinstance(c, TensorRecord) for c in constants)
        if count:
            raise CheckpointError(
                f"Weights file {file} is a frozen TorchScript archive: its {count} tensors are constants of the code "
                "and have lost their names. Get the module from before torch.jit.freeze or optimize_for_inference, "
                "or a state dict of it."
            )
        raise CheckpointError(f"Weights file {file} holds no weights: it is a TorchScript archive without tensors.")
    yield from found


def _records(root: Placeholder, script: Script, file: str) -> Iterator[tuple[str, TensorRecord]]:
    def children(module: Placeholder) -> list[tuple[str, Any]]:
        return list(vars(module).items()) if script.classes[module.name].is_module else []

    effort = Effort()
    for prefix, module in layers(root, children, effort):
        if module.name.startswith(NATIVE):
            raise CheckpointError(
                f"Weights file {file} keeps weights in an object of {shown(module.name)}, as quantised modules do, and "
                "only plain tensors are supported. Get the weights from before quantisation."
            )
        if module.name not in script.classes:
            raise CheckpointError(
                f"Weights file {file} is a TorchScript archive without the code of {shown(module.name)}, so it is "
                "unknown which of its tensors are weights. Get the archive that torch.jit.save wrote, or a state dict."
            )
        known = script.classes[module.name]
        for names in (known.parameters, known.buffers) if known.is_module else ():
            effort.spend(len(vars(module)))
            for name, value in vars(module).items():
                if name in names and isinstance(value, TensorRecord):
                    effort.spend(10)
                    yield f"{prefix}{name}", value
