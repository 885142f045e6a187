"""`make test-core`: the wheel of the core alone lists, describes and fetches, and says what to install for the rest."""

from __future__ import annotations

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from clean import ROOT, clean, wheels

LIMIT = 15_000_000  # bytes of core and all that it needs
ALLOWED = 15  # distributions, pip not counted

ALONE = """
import sys
import xrv_core as xrv
from xrv_core import errors

def raises(kind, words, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except kind as error:
        assert all(word in str(error) for word in words), error
    else:
        raise AssertionError(f"{call} did not raise {kind}")

assert xrv.list_datasets() == [] == xrv.list_classifiers()
assert xrv.plugins() == []
raises(errors.NotInstalled, ["'nih'", "xrv-nih", "pip install xrv-nih"], xrv.get_dataset, "nih", imgpath=".")
raises(errors.NotInstalled, ["pip install xrv-densenet"], xrv.get_classifier, "densenet121-res224-all")
raises(errors.NotInstalled, ["pip install xrv-timm"], xrv.describe_classifier, "timm/resnet18")
raises(errors.UnknownName, ["'no-such'"], xrv.describe_dataset, "no-such")
extra = "pip install 'xrv-core[{}]'".format
raises(errors.MissingDependency, [extra("datasets")], getattr, xrv.datasets, "FileDataset")
raises(errors.MissingDependency, [extra("models")], getattr, xrv.models, "BackboneClassifier")
words = {key: "-" for key in ("title", "licence", "citation", "homepage", "obtain")}
mine = xrv.DatasetSpec(name="mine", factory="numpy:zeros", pathologies=("Mass",), **words)
xrv.register(mine)
assert xrv.list_datasets() == ["mine"] and xrv.describe_dataset("mine").pathologies == ("Mass",)
raises(errors.MissingDependency, ["'mine'", "numpy", extra("datasets")], xrv.get_dataset, "mine")
url, sha256 = sys.argv[1:]
asset = xrv.Asset(name="test/file.bin", urls=(url,), sha256=sha256)
path = xrv.fetch(asset, progress=False)
assert path.read_bytes() == xrv.fetch(asset).read_bytes()
other = xrv.Asset(name="test/other.bin", urls=(url,), sha256="0" * 64)
raises(errors.HashMismatch, ["test/other.bin"], xrv.fetch, other)
heavy = {"numpy", "pandas", "torch", "PIL"} & set(sys.modules)
assert not heavy, heavy
"""

WITH_A_PLUGIN = """
import xrv_core as xrv
assert xrv.list_datasets() == ["nih", "nih-google"]
assert xrv.describe_dataset("nih").images == 112120
try:
    xrv.get_dataset("nih", imgpath=".")
except xrv.errors.MissingDependency as error:
    assert "pip install 'xrv-core[datasets]'" in str(error), error
else:
    raise AssertionError("opened without numpy")
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


def main() -> None:
    with clean() as place:
        built = wheels(place.folder, ROOT, ROOT / "plugins/datasets/xrv-nih")
        before = place.size()
        place.install(built["xrv-core"])
        added = place.size() - before
        names = place.run("-m", "pip", "list", "--format=freeze", "--disable-pip-version-check").split()
        names = [name for name in names if name.split("==")[0] not in ("pip", "setuptools")]
        print(f"core alone: {len(names)} distributions, {added / 1e6:.1f} MB: {' '.join(names)}")
        assert added <= LIMIT, f"more than {LIMIT / 1e6:.0f} MB"
        assert len(names) <= ALLOWED, names
        (place.folder / "served").mkdir()
        (place.folder / "served" / "file.bin").write_bytes(content := b"0123456789" * 100_000)
        handler = partial(Quiet, directory=str(place.folder / "served"))
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_port}/file.bin"
            place.run("-c", ALONE, url, hashlib.sha256(content).hexdigest())
            server.shutdown()
        for command in (["--help"], ["list"], ["plugins"], ["doctor"]):
            place.xrv(*command)
        assert "pip install xrv-run" in place.xrv("predict", "phantom-net", "x.png", code=2)
        place.install("--no-deps", built["xrv-nih"])
        place.run("-c", WITH_A_PLUGIN)
        assert "112,120" in place.xrv("show", "nih", "--kind", "dataset")
        print("core alone: lists, describes, fetches, and says what to install")


if __name__ == "__main__":
    main()
