"""xrv publish: into a registry file, without a line of it lost, whoever else writes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tomllib

import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from lab_registry import HEAD, entry, lab, saved  # noqa: F401 -- a fixture
from messages import says

import xrv_core as xrv
from xrv_core.cli import main
from xrv_core.errors import ArgumentError, CheckpointError, PathMissing, UnknownName, WriteError, XrvError
from xrv_core.models import BackboneClassifier, save_classifier
from xrv_labs import publishing, toml
from xrv_labs.entries import parse


def publish(*arguments: object, **options: object) -> str:
    """With consent to the code that the files of these tests name."""
    return publishing.publish(*arguments, **{"trust_factory": True, **options})  # type: ignore[arg-type]


def refused(kind: type[XrvError], words: tuple[object, ...], *arguments: object, **options: object) -> None:
    with pytest.raises(kind, match=says(*words)) as error:
        publish(*arguments, **options)  # type: ignore[arg-type]
    assert type(error.value) is kind


# -- from one machine to the other


def test_published_listed_and_used_by_a_colleague(tmp_path, lab):  # noqa: F811
    model = BackboneClassifier(
        "resnet10t", ["Größe", 'a "quoted" \\ name'], input_resolution=64, op_threshs=[0.1, None]
    )
    save_classifier(model, tmp_path / "mine.safetensors", description="Two\nlines\x7f", warning="Careful.")
    place = tmp_path / "share" / "registry.toml"
    place.parent.mkdir()
    options = ["--prefix", "lab", "--title", "Our lab", "--contact", "lab@example.org", "--licence", "CC0-1.0"]
    done = CliRunner().invoke(main, ["publish", str(tmp_path / "mine.safetensors"), str(place), *options])
    assert done.output == f"lab/mine is in {place}. Whoever lists that file in XRV_REGISTRIES has it.\n"
    (weights,) = (place.parent / "weights").iterdir()
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert weights.name == f"mine-{sha256[:8]}.safetensors"
    assert weights.read_bytes() == (tmp_path / "mine.safetensors").read_bytes()
    (tmp_path / "mine.safetensors").unlink()
    (row,) = lab(place)
    assert (row.state, row.offers) == ("ok", {"classifier": ["lab/mine"]})
    spec = xrv.describe_classifier("lab/mine")
    assert (spec.licence, spec.contact, spec.description, spec.warning) == (
        "CC0-1.0", "lab@example.org", "Two\nlines\x7f", "Careful."
    )  # fmt: skip
    twin = xrv.get_classifier("lab/mine")
    x = torch.linspace(-1000, 1000, 64 * 64).view(1, 1, 64, 64)
    model.eval()
    assert repr(twin.predict(x)) == repr(model.predict(x))
    assert torch.equal(twin.features(x), model.features(x))
    assert sorted(p.name for p in place.parent.iterdir()) == [".registry.toml.lock", "registry.toml", "weights"]


def test_a_registered_classifier_under_another_name(tmp_path, lab):  # noqa: F811
    place = tmp_path / "registry.toml"
    assert publish("phantom-net", place, prefix="lab", name="net") == "lab/net"
    lab(place)
    spec, public = xrv.describe_classifier("lab/net"), xrv.describe_classifier("phantom-net")
    assert (spec.licence, spec.citation, spec.warning) == (public.licence, public.citation, public.warning)
    x = torch.linspace(-1000, 1000, 128 * 128).view(1, 128, 128)
    assert xrv.get_classifier("lab/net").predict(x) == xrv.get_classifier("phantom-net").predict(x)
    assert publish("lab/net", place, name="again") == "lab/again", "what is listed can be published elsewhere, too"


def test_a_factory_of_ones_own_is_run_on_the_word_of_the_registry(tmp_path, lab):  # noqa: F811
    place = tmp_path / "registry.toml"
    publish(str(saved(tmp_path)), place, prefix="lab", licence="CC0-1.0")
    lab(place)
    assert xrv.get_classifier("lab/mine").spec.build == {"factory": "own_networks:tiny"}


# -- what stands there stays


ODD = (
    "# our models\r\nprefix = 'lab'   # short\r\nlicence = \"CC0-1.0\"\r\n\r\n# the first\r\n[[classifier]] # one\r\n"
    "name='old'\r\nbackbone = \"resnet18\"\r\npathologies = [\r\n  'a', # mass\r\n]\r\nweights = 'w'\r\nsha256 = '"
    + "1" * 64
    + "'\r\n[classifier.options]\r\nin_chans = 1\r\n# end of the first\r\n\r\n# the second\r\n"
)


def test_everything_else_stays_byte_by_byte(tmp_path):
    place, file = tmp_path / "registry.toml", saved(tmp_path)
    place.write_bytes(ODD.encode())
    place.chmod(0o664)
    publish(str(file), place, name="new")
    text = place.read_bytes().decode()
    assert text.startswith(ODD)
    assert "\n" not in text.replace("\r\n", "")
    assert place.stat().st_mode & 0o777 == 0o664
    publish(str(file), place, name="newer")
    assert place.read_bytes().decode().startswith(text)
    assert [e["name"] for e in tomllib.loads(place.read_text())["classifier"]] == ["old", "new", "newer"]


def test_a_version_is_replaced_in_its_place(tmp_path):
    place, file = tmp_path / "registry.toml", saved(tmp_path)
    place.write_text(ODD + entry("x", name='"last"'))
    before = place.read_text()
    publish(str(file), place, name="old", replace=True)
    text = place.read_text()
    head, tail = before.index("[[classifier]]"), before.index("# end of the first")
    assert text.startswith(before[:head])
    assert text.endswith(before[tail:])
    found = {e["name"]: e for e in tomllib.loads(text)["classifier"]}
    assert list(found) == ["old", "last"]
    assert found["old"]["factory"] == "own_networks:tiny"
    assert "options" not in found["old"]


plain = st.recursive(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.booleans()
    | st.integers()
    | st.floats(allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab \"\\\né", max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b-c", "d_e"]), plain, max_size=3))
def test_what_is_written_is_what_is_read(values):
    entry = {"name": "x", **values}
    (found,) = tomllib.loads(toml.with_entry("# head\nprefix = 'a'", entry))["classifier"]
    assert repr(found) == repr(entry)


def test_many_publish_at_once_and_readers_see_whole_files(tmp_path):
    place, file = tmp_path / "registry.toml", saved(tmp_path)
    publish(str(file), place, prefix="lab", licence="CC0-1.0", name="first")
    code = (
        "import sys; from xrv_labs.publishing import publish\n"
        "for i in range(4): publish(sys.argv[1], sys.argv[2], name=f'{sys.argv[3]}{i}', trust_factory=True)"
    )
    command = [sys.executable, "-c", code, str(file), str(place)]
    running = [subprocess.Popen([*command, who]) for who in ("a", "b", "c")]
    seen = 0
    while any(p.poll() is None for p in running):
        registry = parse(place.read_bytes(), str(place))
        assert registry.problems == []
        assert len(registry.specs) >= seen
        seen = len(registry.specs)
    assert [p.returncode for p in running] == [0, 0, 0]
    assert len(parse(place.read_bytes(), str(place)).specs) == 13
    assert {p.name for p in tmp_path.iterdir()} == {
        ".registry.toml.lock",
        "mine.safetensors",
        "registry.toml",
        "weights",
    }


# -- what cannot be


def test_errors(tmp_path):
    place, file = tmp_path / "registry.toml", str(saved(tmp_path))
    address = "https://example.org/registry.toml"
    refused(ArgumentError, (address, "only be read", "file behind the server"), file, address)
    refused(ArgumentError, (place, "does not exist", "--prefix"), file, place)
    refused(ArgumentError, ("prefix='Our Lab'", "line such as prefix"), file, place, prefix="Our Lab")
    text = tmp_path / "weights.txt"
    refused(ArgumentError, (text, "ends in .toml"), file, text, prefix="lab")
    refused(PathMissing, (tmp_path / "no", "no such folder"), file, tmp_path / "no" / "r.toml", prefix="lab")
    refused(ArgumentError, ("'Mine'", "lower case", "'.', '_' and '-'"), file, place, prefix="lab", name="Mine")
    absent = tmp_path / "absent.safetensors"
    refused(PathMissing, (absent, "no such file"), str(absent), place, prefix="lab")
    words = ("'timm/resnet18'", "no weights", "xrv_core.models.save_classifier")
    refused(ArgumentError, words, "timm/resnet18", place, prefix="lab")
    refused(UnknownName, ("classifier", "'phantom-nett'"), "phantom-nett", place, prefix="lab")
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"x" * 20)
    refused(CheckpointError, (other, "safetensors", "no header"), str(other), place, prefix="lab")
    assert not place.exists()
    assert not (tmp_path / "weights").exists()


def test_errors_of_the_registry(tmp_path):
    place, file = tmp_path / "registry.toml", str(saved(tmp_path))
    place.write_text("prefix = lab")
    refused(ArgumentError, (place, "TOML", "line 1, column 10", "Repair"), file, place)
    place.write_text(HEAD)
    refused(ArgumentError, (place, "'lab', not 'other'", "leave --prefix out"), file, place, prefix="other")
    refused(ArgumentError, (place, "--contact", "new", "Edit the file"), file, place, contact="me")
    place.write_text(HEAD + "classifier = 3\n")
    refused(ArgumentError, ("'classifier'", "[[classifier]]"), file, place)
    assert place.read_text() == HEAD + "classifier = 3\n"


def test_other_ways_to_write_entries(tmp_path):
    place, file = tmp_path / "registry.toml", str(saved(tmp_path))
    place.write_text(HEAD + 'classifier = [{ name = "inline" }]\n')
    publish(file, place)
    assert [e["name"] for e in tomllib.loads(place.read_text())["classifier"]] == ["inline", "mine"]
    odd = "'''\n[[classifier]]\nname = \"mine\"\n'''"
    place.write_text(HEAD + entry("x", description=odd) + entry("y", name='"other"', description=odd))
    publish(file, place, replace=True)
    first, second = tomllib.loads(place.read_text())["classifier"]
    assert (first["name"], "description" in first) == ("mine", False)
    assert second["description"] == '[[classifier]]\nname = "mine"\n'


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    place, file = tmp_path / "registry.toml", str(saved(tmp_path))
    place.write_text(HEAD)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "weights"))

    monkeypatch.setattr("shutil.copyfile", full)
    refused(WriteError, (tmp_path / "weights", "cannot be written", "No space left on device"), file, place)
    assert place.read_text() == HEAD


def test_somebody_holds_the_lock(tmp_path, monkeypatch):
    from filelock import FileLock

    place, file = tmp_path / "registry.toml", str(saved(tmp_path))
    place.write_text(HEAD)
    monkeypatch.setattr("xrv_labs.publishing.PATIENCE", 0.1)
    with FileLock(tmp_path / ".registry.toml.lock"):
        refused(ArgumentError, (place, "locked", "0.1 s", "Try again"), file, place)
