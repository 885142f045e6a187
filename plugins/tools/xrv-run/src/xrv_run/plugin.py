"""What this plugin offers: `xrv predict`, `xrv segment`, `xrv verify`, `xrv convert` and `xrv export`."""

from xrv_core import CommandSpec, hookimpl

TITLES = {
    "convert": "Write the weights of NAME, a model or a weights file, as safetensors. Runs no code of the file.",
    "export": "Write the model NAME as an ONNX file, and compare the two on IMAGES.",
    "predict": "Predict the findings of image FILES (or folders of them) with the classifier NAME.",
    "segment": "Write the masks of image FILES (or folders of them), at their own size, with the segmenter NAME.",
    "verify": "Compare the model NAME with its published outputs; exit code 1 if it differs.",
}


@hookimpl
def xrv_commands() -> list[CommandSpec]:
    """One command for each title."""
    return [CommandSpec(name=name, title=title, factory=f"xrv_run.cli:{name}") for name, title in TITLES.items()]
