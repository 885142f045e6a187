"""Take the weights out of a TorchScript archive without running its code.

``torch.jit.save`` pickles the tree of modules to ``data.pkl``, each an object of a class
``__torch__....`` whose attributes are tensors, submodules and settings alike. Which tensors are
parameters or buffers is told by the code beside it: the lists ``__parameters__`` and
``__buffers__`` at the head of each class. They are read as text; the methods below them are not
looked at. Before torch 1.8 there was no list of buffers, and every tensor was one.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from xrv_core.errors import CheckpointError
from xrv_core.models.weights.inert import Shell, TensorRecord, layers
from xrv_core.models.weights.names import shown

__all__ = ["Script", "ScriptClass", "read_classes", "script_records"]

#: Bytes of code in one archive; the largest networks have some megabytes.
MAX_CODE = 64 << 20
#: Before the names of classes that are written in C++, such as those that hold quantised weights.
NATIVE = "__torch__.torch.classes."

_CLASS = re.compile(r"^class (\w+)(?:\((\w+)\))?:$", re.MULTILINE)
_METHOD = re.compile(r"^  def ", re.MULTILINE)
_TENSOR = re.compile(r'^  (?:(\w+) : |__annotations__\["([^"\n]+)"\] = )Tensor$', re.MULTILINE)


class ScriptClass(NamedTuple):
    """What the head of a class says.

    Attributes:
        is_module: It is a module, not a plain class, an enum or a named tuple.
        parameters: Names of its parameters.
        buffers: Names of its buffers.
    """

    is_module: bool
    parameters: frozenset[str]
    buffers: frozenset[str]


class Script(NamedTuple):
    """What a TorchScript archive has besides its tree of modules.

    Attributes:
        classes: By name, without the mark of the package, such as ``__torch__.torchvision.models.resnet.ResNet``.
        constants: What ``constants.pkl`` holds.
    """

    classes: Mapping[str, ScriptClass]
    constants: Any


def read_classes(archive: zipfile.ZipFile, folder: str) -> dict[str, ScriptClass]:
    """The heads of all classes in the code of an archive.

    Args:
        archive: The archive.
        folder: Where its code lies, with the slash at its end.

    Raises:
        ValueError: The code is larger than any honest one.
    """
    found: dict[str, ScriptClass] = {}
    infos = [i for i in archive.infolist() if i.filename.startswith(folder) and i.filename.endswith(".py")]
    if sum(i.file_size for i in infos) > MAX_CODE:
        raise ValueError(f"its code claims to have more than {MAX_CODE >> 20} MiB")
    for info in infos:
        module = info.filename.removeprefix(folder).removesuffix(".py").replace("/", ".")
        text = archive.read(info).decode()  # stops at the stated size
        heads = list(_CLASS.finditer(text))
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
    """What ``torch.jit.load(file).state_dict()`` would hold, in its order.

    Args:
        root: The unpickled tree of modules.
        script: The rest of the archive.
        file: Its name, for messages.

    Raises:
        CheckpointError: It is frozen, quantised, or no archive of modules.
    """
    if not isinstance(root, Shell):
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


def _records(root: Shell, script: Script, file: str) -> Iterator[tuple[str, TensorRecord]]:
    def children(shell: Shell) -> list[tuple[str, Any]]:
        return list(vars(shell).items()) if script.classes[shell.name].is_module else []

    for prefix, shell in layers(root, children, file):
        if shell.name.startswith(NATIVE):
            raise CheckpointError(
                f"Weights file {file} keeps weights in an object of {shown(shell.name)}, as quantised modules do, and "
                "only plain tensors are supported. Get the weights from before quantisation."
            )
        if shell.name not in script.classes:
            raise CheckpointError(
                f"Weights file {file} is a TorchScript archive without the code of {shown(shell.name)}, so it is not "
                "known which of its tensors are weights. Get the archive that torch.jit.save wrote, or a state dict."
            )
        known = script.classes[shell.name]
        for names in (known.parameters, known.buffers) if known.is_module else ():
            for name, value in vars(shell).items():
                if name in names and isinstance(value, TensorRecord):
                    yield f"{prefix}{name}", value
