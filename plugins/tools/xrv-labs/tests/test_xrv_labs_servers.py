"""Registries on servers: who is asked, what they are told, and what remains when they are away."""

from __future__ import annotations

import base64
import os
import re
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from lab_registry import HEAD, LabServer, another, entry, lab, saved, server  # noqa: F401 -- fixtures

import xrv_core as xrv
from xrv_core.assets import cache_dir
from xrv_core.cli import main
from xrv_core.errors import DownloadError, HashMismatch
from xrv_labs import reading

TRUTH = "Bearer s3cret"


@pytest.fixture
def filled(tmp_path: Path, server: LabServer) -> LabServer:  # noqa: F811
    """A server with a registry and its weights."""
    file = saved(tmp_path)
    server.files["/r/weights/mine.safetensors"] = file.read_bytes()
    server.files["/r/registry.toml"] = (HEAD + entry("weights/mine.safetensors", file)).encode()
    return server


def only(rows):
    (row,) = rows
    return row


def copied(problem: str) -> str:
    """A problem without the date in it."""
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "DATE", problem)


# -- asked, and away


def test_a_server_is_asked_once_and_its_weights_come_with_their_hash(filled, lab):  # noqa: F811
    place = filled.url("/r/registry.toml")
    row = only(lab(place))
    assert (row.state, row.distribution, row.offers) == ("ok", f"registry {place}", {"classifier": ["lab/mine"]})
    for _ in range(3):
        assert xrv.list_classifiers("lab/") == ["lab/mine"]
    assert filled.log == [("/r/registry.toml", None)]
    assert xrv.get_classifier("lab/mine").pathologies == ["Mass", "Nodule"]
    assert filled.log[1:] == [("/r/weights/mine.safetensors", None)]
    xrv.get_classifier("lab/mine")
    xrv.reload_plugins()
    assert [path for path, _ in filled.log[2:]] == ["/r/registry.toml"], (
        "weights are in the cache, the registry is anew"
    )


def test_the_copy_stands_in_while_the_server_is_away(filled, lab):  # noqa: F811
    place = filled.url("/r/registry.toml")
    lab(place)
    xrv.get_classifier("lab/mine")
    kept = next((cache_dir() / "registries").glob("*.toml"))
    os.utime(kept, (1_700_000_000, 1_700_000_000))
    filled.stop()
    row = only(lab(place))
    date = time.strftime("%Y-%m-%d %H:%M", time.localtime(1_700_000_000))
    assert row.problems == ["could not be reached: Connection refused", f"its copy of {date} is used"]
    assert (row.state, row.distribution) == ("partly broken", f"registry {place} (copy of {date})")
    assert xrv.get_classifier("lab/mine").pathologies == ["Mass", "Nodule"]
    assert f"offered by registry {place} (copy of {date})" in " ".join(
        CliRunner().invoke(main, ["show", "lab/mine"]).output.split()
    )


def test_away_and_never_seen(filled, lab):  # noqa: F811
    filled.stop()
    row = only(lab(filled.url("/r/registry.toml")))
    assert row.problems == ["could not be reached: Connection refused", "there is no copy of it from earlier"]
    assert row.state == "broken"
    assert "phantom-net" in xrv.list_classifiers()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"status": 404}, "answered 404 Not Found"),
        ({"status": 503}, "answered 503 Service Unavailable"),
        ({"files": {"/r/registry.toml": b"prefix = lab"}}, "is not valid TOML: Invalid value (at line 1, column 10)"),
        ({"files": {"/r/registry.toml": b"<html>"}}, "is not valid TOML: Invalid statement (at line 1, column 1)"),
        ({"files": {"/r/registry.toml": b"\xff\xfe"}}, "is not UTF-8 text"),
        ({"files": {"/r/registry.toml": b"#" * 10_000_001}}, "bytes, and at most 1,048,576 are read"),
    ],
    ids=["404", "503", "toml", "html", "bytes", "endless"],
)
def test_a_server_that_fails_later_leaves_the_last_good_copy(filled, lab, change, problem):  # noqa: F811
    place = filled.url("/r/registry.toml")
    lab(place)
    for key, value in change.items():
        setattr(filled, key, value)
    for _ in range(2):  # the bad answer does not replace the copy
        row = only(lab(place))
        first, second = [copied(p) for p in row.problems]
        assert (problem in first, second) == (True, "its copy of DATE is used"), first
        assert xrv.list_classifiers("lab/") == ["lab/mine"]


def test_a_server_that_hangs_does_not_hang_the_listing(filled, lab, monkeypatch):  # noqa: F811
    place = filled.url("/r/registry.toml")
    lab(place)
    monkeypatch.setattr(reading, "DEADLINE", 0.3)
    filled.hold = threading.Event()
    start = time.monotonic()
    row = only(lab(place, filled.url("/r/registry.toml")))
    assert time.monotonic() - start < 3
    filled.hold.set()
    assert [copied(p) for p in row.problems] == ["gave no answer within 0.3 s", "its copy of DATE is used"]


def test_offline_nobody_is_asked(filled, lab, monkeypatch):  # noqa: F811
    place = filled.url("/r/registry.toml")
    lab(place)
    monkeypatch.setenv("XRV_OFFLINE", "1")
    row = only(lab(place))
    assert [copied(p) for p in row.problems] == [
        "is not asked, since XRV_OFFLINE is set",
        "its copy of DATE is used",
    ]
    assert len(filled.log) == 1


@pytest.mark.parametrize("place", ["http://example.org/r.toml", "ftp://example.org/r.toml", "https://", "https://[x"])
def test_places_that_are_not_asked(lab, place):  # noqa: F811
    row = only(lab(place))
    assert row.problems == ["is not asked: give an https:// address or a path (http:// is for this machine only)"]


@pytest.mark.parametrize("weights", ["file:///etc/passwd", "ftp://example.org/w", "//example.org/w", "https://[x"])
def test_a_server_leads_to_protected_addresses_only(filled, lab, weights):  # noqa: F811
    filled.files["/r/registry.toml"] = (HEAD + entry(weights)).encode()
    (problem,) = only(lab(filled.url("/r/registry.toml"))).problems
    assert problem.startswith(("classifier 'mine': 'weights' lead to ", "classifier 'mine': 'weights' is no address"))


def test_changed_weights_are_refused(filled, lab):  # noqa: F811
    lab(filled.url("/r/registry.toml"))
    filled.files["/r/weights/mine.safetensors"] = b"other"
    with pytest.raises(HashMismatch, match=r"mine.*not kept.*\n.* with sha256"):
        xrv.get_classifier("lab/mine")


def test_weights_that_were_published_anew_are_fetched_anew(filled, lab, tmp_path):  # noqa: F811
    place = filled.url("/r/registry.toml")
    lab(place)
    xrv.get_classifier("lab/mine")
    file = saved(tmp_path, "two")
    filled.files["/r/weights/mine.safetensors"] = file.read_bytes()
    filled.files["/r/registry.toml"] = (HEAD + entry("weights/mine.safetensors", file)).encode()
    lab(place)
    assert xrv.get_classifier("lab/mine").spec.weights.sha256[:16] in os.listdir(cache_dir() / "registries/lab")  # noqa: PTH208
    assert len([path for path, _ in filled.log if "weights" in path]) == 2


# -- who may come in


def test_without_a_token_the_answer_says_how_to_give_one(filled, lab):  # noqa: F811
    filled.secret = TRUTH
    row = only(lab(filled.url("/r/registry.toml")))
    assert row.problems == [
        "answered 401 Unauthorized: set XRV_REGISTRY_TOKEN, or write a line for the server into ~/.netrc",
        "there is no copy of it from earlier",
    ]


def test_the_token_opens_the_registry_and_its_weights(filled, lab, monkeypatch, tmp_path):  # noqa: F811
    filled.secret = TRUTH
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))  # the token comes first
    monkeypatch.setenv("XRV_REGISTRY_TOKEN", "s3cret")
    assert only(lab(filled.url("/r/registry.toml"))).state == "ok"
    assert xrv.get_classifier("lab/mine").pathologies == ["Mass", "Nodule"]
    assert filled.log == [("/r/registry.toml", TRUTH), ("/r/weights/mine.safetensors", TRUTH)]


def test_netrc_opens_them_too(filled, lab, monkeypatch, tmp_path):  # noqa: F811
    filled.secret = "Basic " + base64.b64encode(b"me:pass").decode()
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password pass\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert only(lab(filled.url("/r/registry.toml"))).state == "ok"
    assert xrv.get_classifier("lab/mine").pathologies == ["Mass", "Nodule"]


def test_a_password_in_an_address_is_shown_nowhere(filled, lab):  # noqa: F811
    filled.secret = "Basic " + base64.b64encode(b"me:pass").decode()
    row = only(lab(filled.url("/r/registry.toml").replace("//", "//me:pass@")))
    assert (row.state, row.distribution) == ("ok", f"registry {filled.url('/r/registry.toml')}")
    shown = CliRunner().invoke(main, ["show", "lab/mine"]).output + CliRunner().invoke(main, ["plugins"]).output
    assert "pass@" not in shown
    assert xrv.get_classifier("lab/mine").pathologies == ["Mass", "Nodule"]


# -- the token goes to the registry's own server and nowhere else


def test_weights_elsewhere_get_no_token(filled, another, lab, monkeypatch, tmp_path):  # noqa: F811
    monkeypatch.setenv("XRV_REGISTRY_TOKEN", "s3cret")
    file = tmp_path / "mine.safetensors"
    another.files["/w.safetensors"] = file.read_bytes()
    filled.files["/r/registry.toml"] = (HEAD + entry(another.url("/w.safetensors"), file)).encode()
    assert only(lab(filled.url("/r/registry.toml"))).state == "ok"
    xrv.get_classifier("lab/mine")
    assert filled.log == [("/r/registry.toml", TRUTH)]
    assert another.log == [("/w.safetensors", None)]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_that_sends_on_does_not_send_the_token_on(filled, another, lab, monkeypatch, host):  # noqa: F811
    monkeypatch.setenv("XRV_REGISTRY_TOKEN", "s3cret")
    another.files.update(filled.files)
    for path in filled.files:
        filled.moved[path] = another.url(path, host)
    assert only(lab(filled.url("/r/registry.toml"))).state == "ok"
    xrv.get_classifier("lab/mine")
    assert {who for _, who in filled.log} == {TRUTH}
    assert [who for _, who in another.log] == [None, None]


def test_a_server_may_send_on_within_itself(filled, lab, monkeypatch):  # noqa: F811
    monkeypatch.setenv("XRV_REGISTRY_TOKEN", "s3cret")
    filled.secret = TRUTH
    filled.moved["/old.toml"] = "/r/registry.toml"
    row = only(lab(filled.url("/old.toml")))
    assert (row.state, [who for _, who in filled.log]) == ("ok", [TRUTH, TRUTH])


def test_of_several_servers_none_gets_the_token(filled, another, lab, monkeypatch):  # noqa: F811
    monkeypatch.setenv("XRV_REGISTRY_TOKEN", "s3cret")
    another.files["/r.toml"] = b'prefix = "other"'
    another.secret = TRUTH
    first, second = lab(filled.url("/r/registry.toml"), another.url("/r.toml"))
    told = (
        "XRV_REGISTRY_TOKEN is not sent: XRV_REGISTRIES names several servers, and the token may be meant for one "
        "only. Use ~/.netrc, which has a line for each"
    )
    assert first.problems == [told]
    assert second.problems == [
        "answered 401 Unauthorized; XRV_REGISTRY_TOKEN is not sent while XRV_REGISTRIES names several servers, so use "
        "~/.netrc",
        "there is no copy of it from earlier",
        told,
    ]
    assert {who for _, who in filled.log + another.log} == {None}


def test_other_downloads_get_no_token(filled, another, lab, monkeypatch):  # noqa: F811
    monkeypatch.setenv("XRV_REGISTRY_TOKEN", "s3cret")
    lab(filled.url("/r/registry.toml"))
    another.files["/x.bin"] = b"x"
    xrv.fetch(xrv.Asset(name="some/x.bin", urls=(another.url("/x.bin"),)))
    assert another.log == [("/x.bin", None)]
    another.secret = TRUTH
    with pytest.raises(DownloadError, match="answered 401"):
        xrv.fetch(xrv.Asset(name="some/y.bin", urls=(another.url("/x.bin"),)))


def test_an_answer_over_plain_http_is_not_believed(filled, lab, monkeypatch):  # noqa: F811
    """The registry's own server is fine, and leads to another machine without protection."""
    try:
        outside = LabServer("127.0.0.2")  # not one of the names of this machine
    except OSError:
        pytest.skip("this system has no 127.0.0.2")
    outside.files["/r.toml"] = HEAD.encode()
    filled.moved["/r/registry.toml"] = outside.url("/r.toml", "127.0.0.2")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,127.0.0.2")
    row = only(lab(filled.url("/r/registry.toml")))
    outside.stop()
    assert row.problems == [
        "leads to an address that is not https://",
        "there is no copy of it from earlier",
    ]
