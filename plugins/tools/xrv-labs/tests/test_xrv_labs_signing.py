"""Signed registries: who may sign, what is refused, and that no kill parts a registry from its signature."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from lab_registry import HEAD, LabServer, entry, lab, saved, server  # noqa: F401 -- fixtures
from messages import says

import xrv_core as xrv
from xrv_core.assets import cache_dir
from xrv_core.assets.files import whole
from xrv_core.cli import main
from xrv_core.errors import ArgumentError, AssetError, HashMismatch, MissingDependency, PathMissing
from xrv_labs import keys, publishing, reading, trusted
from xrv_labs.minisign import PublicKey, SecretKey, Signature, SignatureError, new_key
from xrv_labs.places import trusted_keys_file

pytest.importorskip("cryptography", reason="pip install 'xrv-labs[sign]'")

# Made by the tool minisign 0.11 for the file b"a = 1\n": a key without password, and signatures with -H and with -l.
PUBLIC = "RWSWvJnSjHIV3XSiNuzQsfKRlhONiPc/pnveSrEpzbYp6HopT3HGE9Jh"
SECRET = (
    "untrusted comment: minisign encrypted secret key\n"
    "RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAlryZ0oxyFd34R/F2bo"
    "jysBiFTfALtRzZvzmJLtfJAZmXVUscp01zFHSiNuzQsfKRlhONiPc/pnveSrEpzbYp6HopT3HGE9JhAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
)
HASHED = (
    "untrusted comment: signature from minisign secret key\n"
    "RUSWvJnSjHIV3Ru+p7XdnhuQRumzFuI+JihJ/gOP+QzqY/qLl3vLPSOX56jaC2Wkf+waeN+GqYQfUufmNo1NgwABjmBcIPO9fwM=\n"
    "trusted comment: timestamp:1795882589\tfile:r.toml\thashed\n"
    "FACcoJ5HSAv5VpsSMTElJTffi+8mvB4VrN9UFkHFhG0rTBJ4Z6KUYEJkm7k5UtQ0ay5dXQuHXhMVs1zlRYU0AQ==\n"
)
PLAIN = (
    "untrusted comment: signature from minisign secret key\n"
    "RWSWvJnSjHIV3X2yQZds4Q/9ACQaUoNBKx+g6+fkixwN4PGj37Xt+IdVIMm3zL5oqMvkVd5e6aRy/kh7EvtG063gyBqdD8+yAg8=\n"
    "trusted comment: timestamp:1795882589\tfile:r.toml\n"
    "KSleDwj+o1khpplEnv3nu5RAzteU0M66yRSQCUu3E2X77M/SSLf84hX081dJqRDwj1QBW/h3qH5m8z6uj4MaCg==\n"
)


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A key file without a password."""
    monkeypatch.setenv("XRV_KEY_PASSWORD", "")
    keys.make_key(tmp_path / "lab.key")
    return tmp_path / "lab.key"


def trust(who: str, *files: Path) -> None:
    """Write a line of trusted_keys.toml: the public halves of these keys for ``who``."""
    publics = [str(PublicKey.parse(file.with_suffix(".pub").read_text())) for file in files]
    trusted_keys_file().parent.mkdir(parents=True, exist_ok=True)
    trusted_keys_file().write_text(f"{json.dumps(who)} = {json.dumps(publics)}\n")


def publish(tmp_path: Path, key: Path | None, **options: object) -> Path:
    """A model in the registry of a share."""
    place = tmp_path / "share" / "registry.toml"
    place.parent.mkdir(exist_ok=True)
    new = {} if place.exists() else {"prefix": "lab", "licence": "CC0-1.0"}
    publishing.publish(str(saved(tmp_path)), place, sign=key, trust_factory=True, **new, **options)  # type: ignore[arg-type]
    return place


def broken(rows: list, *words: str) -> None:
    """The only registry is refused with these words, in the list and for who asks for a model."""
    (row,) = rows
    assert row.state == "broken", row
    assert all(word in " ".join(row.problems) for word in words), row.problems
    assert xrv.list_classifiers("lab/") == []
    with pytest.raises(SignatureError, match=says("lab/mine", *words)) as error:
        xrv.get_classifier("lab/mine")
    assert isinstance(error.value, AssetError)
    told = CliRunner().invoke(main, ["list", "lab/*"])
    assert (told.exit_code, all(word in told.output for word in words)) == (1, True), told.output


# -- used


def test_a_signed_registry_is_used_and_says_by_whose_key(tmp_path, lab, key):  # noqa: F811
    place = publish(tmp_path, key)
    trust("lab", key)
    (row,) = lab(place)
    name = PublicKey.parse(key.with_suffix(".pub").read_text()).name
    assert (row.state, row.distribution) == ("ok", f"registry {place} (signed with the key {name})")
    assert xrv.get_classifier("lab/mine").pathologies == ["Mass", "Nodule"]
    weights = next((place.parent / "weights").iterdir())
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    xrv.describe_classifier("lab/mine")
    for cached in (cache_dir() / "registries/lab").rglob("*.safetensors"):
        cached.unlink()
    with pytest.raises(HashMismatch):
        xrv.get_classifier("lab/mine")


@pytest.mark.parametrize("who", ["lab", "*", "{place}", "~/share/registry.toml"])
def test_keys_are_for_a_prefix_a_place_or_all(tmp_path, lab, key, monkeypatch, who):  # noqa: F811
    monkeypatch.setenv("HOME", str(tmp_path))
    place = publish(tmp_path, key)
    other = tmp_path / "other.toml"
    other.write_text(HEAD.replace('"lab"', '"open"') + entry("x"))
    trust(who.format(place=place), key)
    first, second = lab(place, other)
    assert first.state == "ok"
    assert second.state == ("broken" if who == "*" else "ok"), "a registry that nobody demands a signature of"
    Path(f"{place}.minisig").unlink()
    assert lab(place)[0].state == "broken"


def test_a_registry_cannot_take_another_prefix_to_be_believed(tmp_path, lab, key):  # noqa: F811
    place = publish(tmp_path, key)
    trust(str(place), key)
    place.write_text(place.read_text().replace('prefix = "lab"', 'prefix = "bal"'))
    assert lab(place)[0].state == "broken"


def test_without_trusted_keys_nothing_changes(tmp_path, lab, key):  # noqa: F811
    place = publish(tmp_path, key)
    place.write_text(place.read_text() + "\n# changed\n")
    assert lab(place)[0].state == "ok"


# -- refused


def changed(place: Path) -> None:
    place.write_text(place.read_text().replace("Nodule", "Oedema"))


def turned(place: Path) -> None:
    lines = Path(f"{place}.minisig").read_text().splitlines()
    lines[1] = lines[1][:40] + ("A" if lines[1][40] != "A" else "B") + lines[1][41:]
    Path(f"{place}.minisig").write_text("\n".join(lines))


def commented(place: Path) -> None:
    file = Path(f"{place}.minisig")
    file.write_text(file.read_text().replace("timestamp:", "timestamp:9"))


def no_signature(place: Path) -> None:
    Path(f"{place}.minisig").unlink()


def nonsense(place: Path) -> None:
    Path(f"{place}.minisig").write_bytes(b"\xff" * 10_000)


def too_long(place: Path) -> None:
    Path(f"{place}.minisig").write_bytes(b"a" * 3_000_000)


def of_another(place: Path) -> None:
    keys.make_key(place.parent / "other.key")
    publishing.sign(place, place.parent / "other.key")


def of_the_same_number(place: Path) -> None:
    """Key IDs are no secret: another key can have the same."""
    signature = Signature.parse(Path(f"{place}.minisig").read_bytes())
    other = SecretKey(signature.number, new_key().seed)
    Path(f"{place}.minisig").write_bytes(other.sign(place.read_bytes(), signature.comment))


@pytest.mark.parametrize(
    ("attack", "word"),
    [
        (changed, "changed after it was signed"),
        (turned, "changed after it was signed"),
        (commented, "changed after it was signed"),
        (of_the_same_number, "changed after it was signed"),
        (no_signature, "is not signed"),
        (nonsense, "not a signature of minisign"),
        (too_long, "not a signature of minisign"),
        (of_another, "does not name"),
    ],
)
def test_tampering_is_refused(tmp_path, lab, key, attack, word):  # noqa: F811
    place = publish(tmp_path, key)
    trust("lab", key)
    attack(place)
    broken(lab(place), word)


def test_an_older_registry_is_refused(tmp_path, lab, key):  # noqa: F811
    place = publish(tmp_path, key)
    files = (place, Path(f"{place}.minisig"))
    old = [file.read_bytes() for file in files]
    publish(tmp_path, key, name="more")
    trust("lab", key)
    assert lab(place)[0].state == "ok"
    for file, data in zip(files, old, strict=True):
        file.write_bytes(data)
    (record,) = (cache_dir() / "registries").glob("*.signed.json")
    broken(lab(place), "used here before", f"delete {record}")
    record.unlink()
    assert lab(place)[0].state == "ok"


def test_broken_trusted_keys_believe_nobody(tmp_path, lab, key):  # noqa: F811
    place = publish(tmp_path, key)
    trust("lab", key)
    for text in ('lab = "RW"', "lab = 3", 'lab = ["RWQ"]', "lab = [", "[lab]\nx = 1"):
        trusted_keys_file().write_text(text)
        broken(lab(place), str(trusted_keys_file()), "no registry is used")


def test_without_the_library_nobody_is_believed(tmp_path, lab, key, monkeypatch):  # noqa: F811
    place = publish(tmp_path, key)
    trust("lab", key)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    (row,) = lab(place)
    assert (row.state, "pip install 'xrv-labs[sign]'" in row.problems[0]) == ("broken", True)
    with pytest.raises(MissingDependency, match="xrv-labs"):
        xrv.get_classifier("lab/mine")


# -- servers


def serve(server: LabServer, place: Path) -> None:  # noqa: F811
    for file in place.parent.rglob("*"):
        if file.is_file() and not file.name.startswith("."):
            server.files[f"/{file.relative_to(place.parent)}"] = file.read_bytes()


def test_a_server_sends_the_signature_and_the_copy_keeps_it(tmp_path, lab, key, server):  # noqa: F811
    place = publish(tmp_path, key)
    serve(server, place)
    trust("lab", key)
    address = server.url("/registry.toml")
    assert lab(address)[0].state == "ok"
    assert [path for path, _ in server.log] == ["/registry.toml", "/registry.toml.minisig"]
    good = dict(server.files)
    server.files["/registry.toml"] = place.read_bytes().replace(b"Nodule", b"Oedema")
    broken(lab(address), "changed after it was signed")
    server.files = {}
    (row,) = lab(address)
    assert ("copy of" in row.problems[-1], row.state) == (True, "partly broken")
    assert "signed with" in row.distribution
    copy = next((cache_dir() / "registries").glob("*.toml"))
    copy.write_bytes(copy.read_bytes().replace(b"Nodule", b"Oedema"))
    broken(lab(address), "changed after it was signed")
    server.files = good
    assert lab(address)[0].state == "ok"
    del server.files["/registry.toml.minisig"]
    broken(lab(address), "is not signed")


def test_the_signature_of_an_address_with_a_query(tmp_path, lab, key, server):  # noqa: F811
    place = publish(tmp_path, key)
    server.files = {
        "/r.toml?raw=1": place.read_bytes(),
        "/r.toml.minisig?raw=1": Path(f"{place}.minisig").read_bytes(),
    }
    trust("lab", key)
    assert lab(server.url("/r.toml?raw=1"))[0].state == "ok"


# -- publishers


def test_what_was_changed_since_is_not_signed_unseen(tmp_path, key):
    place = publish(tmp_path, key)
    with pytest.raises(ArgumentError, match=says(place, "is signed", "--sign KEY")):
        publish(tmp_path, None)
    changed(place)
    before = place.read_bytes()
    with pytest.raises(SignatureError, match=says(place, "changed after", "xrv sign")):
        publish(tmp_path, key)
    assert place.read_bytes() == before
    assert publishing.sign(place, key).prefix == "lab"
    publish(tmp_path, key)


def test_an_unsigned_registry_is_signed_by_a_command_of_its_own(tmp_path, key, lab):  # noqa: F811
    place = publish(tmp_path, None)
    with pytest.raises(ArgumentError, match=says(place, "not signed yet", "xrv sign")):
        publish(tmp_path, key)
    done = CliRunner().invoke(main, ["sign", str(place), "--key", str(key)])
    assert done.output == f"{place} is signed, with 1 name in it.\n"
    trust("lab", key)
    assert lab(place)[0].state == "ok"
    assert CliRunner().invoke(main, ["yank", "mine", str(place), "Wrong labels."]).exit_code == 1
    done = CliRunner().invoke(main, ["yank", "mine", str(place), "Wrong labels.", "--sign", str(key)])
    assert done.output == f"lab/mine@1 is yanked in {place}.\n"
    assert lab(place)[0].state == "ok"
    for wrong in ([], [str(place)], ["--key", str(key)], [str(place), "--key", str(key), "--new-key", "x"]):
        assert CliRunner().invoke(main, ["sign", *wrong]).exit_code == 2


def test_another_trusted_publisher_goes_on(tmp_path, key, lab):  # noqa: F811
    place = publish(tmp_path, key)
    keys.make_key(tmp_path / "second.key")
    with pytest.raises(SignatureError, match=says(place, "unknown")):
        publish(tmp_path, tmp_path / "second.key")
    trust("lab", key, tmp_path / "second.key")
    publish(tmp_path, tmp_path / "second.key")
    assert lab(place)[0].state == "ok"
    assert xrv.describe_classifier("lab/mine@2").version == 2


def test_a_reader_beside_publishers_never_sees_a_mismatch(tmp_path, key, lab):  # noqa: F811
    place = publish(tmp_path, key)
    trust("lab", key)
    code = (
        "import sys; from xrv_labs.publishing import publish\n"
        "for _ in range(3): publish(sys.argv[1], sys.argv[2], sign=sys.argv[3], trust_factory=True)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "mine.safetensors"), str(place), str(key)]
    running = [subprocess.Popen(command) for _ in range(2)]
    known, looks = trusted.trusted_keys()["lab"], 0
    while any(p.poll() is None for p in running):
        (text,) = reading.read_all([str(place)], signed=True)
        trusted.check(text.data, text.signature, known, str(place))
        looks += 1
    assert [p.returncode for p in running] == [0, 0]
    assert looks > 10
    assert lab(place)[0].state == "ok"
    assert len(xrv.describe_classifier("lab/mine").versions) == 7


@pytest.mark.parametrize("step", range(1, 5))
def test_a_kill_between_registry_and_signature_leaves_a_pair(tmp_path, key, lab, step):  # noqa: F811
    """Killed before the first, second, ... file is put in its place."""
    place = publish(tmp_path, key)
    trust("lab", key)
    code = (
        "import os, sys, pathlib\n"
        "from xrv_labs.publishing import publish\n"
        "count, replace = 0, pathlib.Path.replace\n"
        "def killed(self, target):\n"
        "    global count; count += 1\n"
        "    if count == int(sys.argv[4]): os.kill(os.getpid(), 9)\n"
        "    return replace(self, target)\n"
        "pathlib.Path.replace = killed\n"
        "publish(sys.argv[1], sys.argv[2], sign=sys.argv[3], name='other', trust_factory=True)\n"
        "raise SystemExit(count)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "mine.safetensors"), str(place), str(key)]
    assert subprocess.run([*command, str(step)], check=False).returncode == -9
    assert lab(place)[0].state == "ok"
    assert xrv.list_classifiers("lab/") == (["lab/mine", "lab/other"] if step > 4 else ["lab/mine"])
    whole._swept.clear()  # as in a new process
    publish(tmp_path, key, name="third")
    names = {p.name for p in place.parent.iterdir()}
    assert names == {".registry.toml.lock", "registry.toml", "registry.toml.minisig", "weights"}
    lab(place)
    listed = {xrv.describe_classifier(name).weights.urls[0].rpartition("/")[2] for name in xrv.list_classifiers("lab/")}
    assert {p.name for p in (place.parent / "weights").iterdir()} == listed
    assert lab(place)[0].state == "ok"


# -- keys


def test_keys_with_a_password(tmp_path, monkeypatch):
    monkeypatch.setenv("XRV_KEY_PASSWORD", "open sesame")
    public = keys.make_key(tmp_path / "a.key")
    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600
    assert keys.read_key(tmp_path / "a.key").public() == public
    with pytest.raises(ArgumentError, match=says(tmp_path / "a.key", "there already")):
        keys.make_key(tmp_path / "a.key")
    monkeypatch.setenv("XRV_KEY_PASSWORD", "wrong")
    with pytest.raises(SignatureError, match=says(tmp_path / "a.key", "password is wrong")):
        keys.read_key(tmp_path / "a.key")
    monkeypatch.delenv("XRV_KEY_PASSWORD")
    with pytest.raises(ArgumentError, match=says("needs a password", "XRV_KEY_PASSWORD")):
        keys.read_key(tmp_path / "a.key")
    (tmp_path / "b.key").write_bytes(os.urandom(300))
    with pytest.raises(SignatureError, match=says(tmp_path / "b.key", "no", "minisign")):
        keys.read_key(tmp_path / "b.key")
    with pytest.raises(PathMissing, match=says("c.key", "--new-key")):
        keys.read_key(tmp_path / "c.key")


def test_the_command_that_makes_a_key_prints_the_line_for_others(tmp_path, monkeypatch):
    monkeypatch.setenv("XRV_KEY_PASSWORD", "")
    done = CliRunner().invoke(main, ["sign", "--new-key", str(tmp_path / "lab.key")])
    assert f'lab = ["{PublicKey.parse((tmp_path / "lab.pub").read_text())}"]' in done.output
    assert str(trusted_keys_file()) in done.output


def test_files_of_the_tool_minisign():
    key = PublicKey.parse(f"untrusted comment: minisign public key\n{PUBLIC}\n")
    for text in (HASHED, PLAIN):
        signature = Signature.parse(text.encode())
        assert (signature.verify(b"a = 1\n", key), signature.verify(b"a = 2\n", key)) == (True, False)
        assert signature.timestamp > 1_700_000_000
    secret = SecretKey.parse(SECRET, lambda: pytest.fail("it has no password"))
    assert secret.public() == key
