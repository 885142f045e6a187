"""Downloads from a server that misbehaves: what arrives is whole and right, or nothing is there."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from asset_server import AssetServer, Fault, error, running, server

from xrv_core import Asset, assets, fetch
from xrv_core.assets import asset_path, download, public
from xrv_core.errors import AssetError, DownloadError, HashMismatch

__all__ = ["server"]

BODY = os.urandom(5 * download.CHUNK + 1000)
HALF = 2 * download.CHUNK


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def fails(asset: Asset, *reasons: str, kind: type[AssetError] = DownloadError) -> None:
    """Fetch in vain: the error names asset, each address with its reason, and the place to put the file by hand."""
    with pytest.raises(AssetError) as caught:
        fetch(asset)
    assert type(caught.value) is kind
    assert not asset_path(asset).exists()
    first, *lines, last = str(caught.value).split("\n")
    assert lines == [f"  {public(url)}: {reason}" for url, reason in zip(asset.urls, reasons, strict=True)]
    assert repr(asset.name) in first
    size = "" if asset.size is None else f", {asset.size:,} bytes"
    known = f"sha256 {asset.sha256}" if asset.sha256 else "no sha256"
    assert re.search(rf"save the file as {re.escape(str(asset_path(asset)))} \({known}.*{size}\)", last)


def leftovers(asset: Asset) -> list[str]:
    return sorted(p.name for p in asset_path(asset).parent.iterdir())


def test_a_good_file_arrives_once_and_leaves_no_scraps(server: AssetServer) -> None:
    asset = server.serve("/folder/w.bin", BODY)
    path = fetch(asset)
    assert (path, path.read_bytes()) == (asset_path(asset), BODY)
    assert fetch(asset) == path
    assert [(r.range, r.encoding, r.sent) for r in server.log] == [(None, "identity", len(BODY))]
    assert leftovers(asset) == [".w.bin.json", ".w.bin.lock", "w.bin"]


def test_an_empty_file_is_a_file(server: AssetServer) -> None:
    assert fetch(server.serve("/empty", b"")).read_bytes() == b""


def test_a_length_that_is_too_long_ends_after_bounded_tries(server: AssetServer) -> None:
    body = BODY[: 5 * download.CHUNK]
    asset = server.serve("/w.bin", body, sized=False, hashed=False)
    server.etag = False
    server.always = Fault(claim=len(body) + 7)
    reason = f"broke off after {len(body):,} of {len(body) + 7:,} bytes (5 tries)"
    fails(asset, reason)
    assert len(server.log) == 5


def test_a_length_that_is_too_short_is_not_the_whole_file(server: AssetServer) -> None:
    asset = server.serve("/w.bin", BODY, sized=False)
    server.always = Fault(claim=HALF)
    reason = f"sent {HALF:,} bytes with sha256 {sha(BODY[:HALF])}"
    fails(asset, reason, kind=HashMismatch)
    assert leftovers(asset) == [".w.bin.lock"]


def test_another_length_than_the_published_one_is_refused_before_the_transfer(server: AssetServer) -> None:
    asset = server.serve("/w.bin", BODY)
    server.always = Fault(body=BODY + b"!")
    reason = f"offers a file of {len(BODY) + 1:,} bytes instead of {len(BODY):,}"
    fails(asset, reason, kind=HashMismatch)
    assert len(server.log) == 1
    assert leftovers(asset) == [".w.bin.lock"]


def test_more_bytes_than_published_without_an_announcement(server: AssetServer) -> None:
    asset = server.serve("/w.bin", BODY)
    server.always = Fault(body=BODY * 2, claim=None)
    reason = f"sent more than the {len(BODY):,} bytes of the file"
    fails(asset, reason, kind=HashMismatch)
    assert leftovers(asset) == [".w.bin.lock"]


def test_wrong_bytes_are_thrown_away_and_the_next_try_is_clean(server: AssetServer) -> None:
    wrong = bytes(len(BODY))
    asset = server.serve("/w.bin", BODY, Fault(body=wrong))
    reason = f"sent {len(BODY):,} bytes with sha256 {sha(wrong)}"
    fails(asset, reason, kind=HashMismatch)
    assert leftovers(asset) == [".w.bin.lock"]
    assert fetch(asset).read_bytes() == BODY


def test_a_login_page_does_not_become_the_file_that_counts(server: AssetServer) -> None:
    page = Fault(body=b"<html>", headers={"Content-Type": "text/html; charset=utf-8"})
    asset = server.serve("/w.bin", BODY, page, hashed=False, sized=False)
    fails(asset, "sent a web page instead of the file", kind=HashMismatch)
    assert leftovers(asset) == [".w.bin.lock"]
    assert fetch(asset).read_bytes() == BODY
    assert fetch(server.serve("/page.html", b"<html>", page, hashed=False)).read_bytes() == b"<html>"
    assert fetch(server.serve("/known.bin", b"<html>", page)).read_bytes() == b"<html>"


def test_404_is_final_at_an_address(server: AssetServer) -> None:
    asset = server.serve("/w.bin", BODY)
    server.always = Fault(status=404)
    fails(asset, "answered 404 Not Found")
    assert len(server.log) == 1


def test_500_then_good(server: AssetServer) -> None:
    asset = server.serve("/w.bin", BODY, Fault(status=500), Fault(status=503))
    assert fetch(asset).read_bytes() == BODY
    assert [r.status for r in server.log] == [500, 503, 200]


def test_500_for_good(server: AssetServer) -> None:
    asset = server.serve("/w.bin", BODY)
    server.always = Fault(status=500)
    fails(asset, "answered 500 Internal Server Error (4 tries)")
    assert len(server.log) == 4


def test_mirrors_come_first_and_then_the_addresses_in_order(
    server: AssetServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = server.serve("/b", BODY)
    asset = Asset(name="x/w #1.bin", urls=(server.url("/a"), server.url("/b")), sha256=good.sha256)
    monkeypatch.setenv("XRV_MIRRORS", f"{server.url('/m1')}, {server.url('/m2/')}\n{server.url('/m3')}")
    assert fetch(asset).read_bytes() == BODY
    places = [f"/m{i}/x/w%20%231.bin" for i in (1, 2, 3)]
    assert [r.path for r in server.log] == [*places, "/a", "/b"]


def test_a_mirror_with_wrong_bytes_does_not_stop_the_next_address(
    server: AssetServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = server.serve("/w.bin", BODY)
    server.files["/m/w.bin"] = bytes(len(BODY))
    monkeypatch.setenv("XRV_MIRRORS", server.url("/m"))
    assert fetch(asset).read_bytes() == BODY
    assert [(r.path, r.range) for r in server.log] == [("/m/w.bin", None), ("/w.bin", None)]


def test_every_address_is_named_with_its_reason(server: AssetServer, tmp_path: Path) -> None:
    with running() as gone:
        dead = gone.url("/w.bin")
    urls = (
        server.url("/none"),
        dead,
        "ftp://127.0.0.1/w.bin",
        f"file://{tmp_path}/none",
        f"file://{tmp_path}",
        "file://host/w.bin",
        "http://",
    )
    asset = Asset(name="w.bin", urls=urls, sha256=sha(BODY))
    fails(
        asset,
        "answered 404 Not Found",
        "could not be reached: Connection refused (4 tries)",
        "cannot be downloaded: use https://, http:// or file:///",
        "cannot be read: No such file or directory",
        "cannot be read: Is a directory",
        "names the host 'host': write file:///path",
        "cannot be used: Invalid URL 'http://': No host supplied",
    )


def test_answers_without_a_body(server: AssetServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT", (5.0, 0.5))
    monkeypatch.setattr(download, "DELAYS", (0.0,))
    asset = server.serve("/w.bin", BODY, Fault(status=204))
    fails(asset, "answered 204 No Content")
    forever = threading.Event()
    server.always = Fault(cut=0, hold=forever)
    fails(asset, f"broke off after 0 of {len(BODY):,} bytes (2 tries)")
    forever.set()


def test_silent_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT", (0.5, 0.5))
    monkeypatch.setattr(download, "DELAYS", (0.0,))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ExitStack() as stack:
        mute, deaf = (stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=n)) for n in (9, 0))
        stack.enter_context(socket.create_connection(deaf.getsockname()))  # its queue is full now
        urls = tuple(f"http://127.0.0.1:{s.getsockname()[1]}/w.bin" for s in (mute, deaf))
        asset = Asset(name="w.bin", urls=urls, sha256=sha(BODY))
        reasons = ("gave no answer within 0.5 s (2 tries)", "could not be reached within 0.5 s")
        fails(asset, *reasons)


def test_passwords_of_addresses_are_not_shown(server: AssetServer) -> None:
    secret = server.url("/none").replace("http://", "http://me:secret@")
    asset = Asset(name="w.bin", urls=(secret,), sha256=sha(BODY))
    fails(asset, "answered 404 Not Found")  # the address without them
    assert server.log[0].authorization is not None
    invalid = Asset(name="w.bin", urls=("http://me:secret@/w.bin?key=secret",), sha256=sha(BODY))
    error(DownloadError, lambda: fetch(invalid), "cannot be used: Invalid URL 'http:///w.bin'")


def test_keys_in_the_query_of_an_address_are_not_shown(server: AssetServer, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = [
        server.url("/w?token=s3cret&name=x"),
        server.url("/w?s3cret"),
        server.url("/w#access_token=s3cret"),
        "http://127.0.0.1:1?X-Amz-Signature=s3cret",
        "http://me:s3cret@127.0.0.1:1/w;v=1?key=s3cret\nforged",
    ]
    asset = Asset(name="w.bin", urls=tuple(urls), sha256=sha(BODY))
    message = error(DownloadError, lambda: fetch(asset), "/w?token=***&name=***: answered 404", "/w?***", "?key=***")
    assert "s3cret" not in message
    assert len(message.split("\n")) == 2 + len(urls)
    asset = server.serve("/v?token=s3cret", BODY, Fault(cut=HALF), *[Fault(status=404)] * 5)
    asset = Asset(name="v.bin", urls=asset.urls, sha256=sha(BODY))
    error(DownloadError, lambda: fetch(asset))
    kept = [p.read_bytes() for p in asset_path(asset).parent.iterdir() if p.name != "v.bin.part"]
    assert kept
    assert not any(b"s3cret" in text for text in kept)


@pytest.mark.parametrize(
    "text", ["Max retries exceeded with url: /w?token=s3cret (Caused by X)", "https://me:s3cret@h/w"]
)
def test_what_libraries_say_is_cleaned(text: str) -> None:
    assert "s3cret" not in assets.network_reason(OSError(text))


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_a_mirror_that_anybody_may_change_gives_no_file_without_a_published_hash(
    server: AssetServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scheme: str
) -> None:
    server.files["/m/w.bin"] = b"changed"
    (tmp_path / "w.bin").write_bytes(b"changed")
    mirror = {"http": server.url("/m"), "file": f"file://{tmp_path}"}[scheme]
    monkeypatch.setenv("XRV_MIRRORS", mirror)
    asset = server.serve("/w.bin", BODY, Fault(status=404), hashed=False, sized=False)
    error(DownloadError, lambda: fetch(asset), f"{mirror}/w.bin: not asked", "XRV_TRUST_MIRRORS=1")
    path = fetch(asset)
    assert path.read_bytes() == BODY
    path.unlink()
    assets.asset_path(asset).with_name(".w.bin.json").unlink()
    monkeypatch.setenv("XRV_TRUST_MIRRORS", "1")
    assert fetch(asset).read_bytes() == b"changed"


@pytest.mark.parametrize("length", [None, len(BODY) + 5, HALF])
def test_a_transfer_that_is_cut_is_never_taken_for_the_file(server: AssetServer, length: int | None) -> None:
    server.always = Fault(cut=HALF, claim=length)
    asset = server.serve("/w.bin", BODY)
    with suppress(AssetError):  # without a length it goes on where the server broke off
        assert fetch(asset).read_bytes() == BODY
        return
    assert not asset_path(asset).exists()
    server.always = None
    assert fetch(asset).read_bytes() == BODY


def test_a_redirect_does_not_show_its_target(server: AssetServer) -> None:
    """A redirect often leads to a signed address, whose query is a key."""
    asset = server.serve("/w.bin", BODY)
    server.always = Fault(location="ftp://me:secret@host.example/w.bin?key=secret")
    fails(asset, "cannot be used: No connection adapters were found for 'ftp://host.example/w.bin'")


def test_netrc_opens_doors(server: AssetServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    fetch(server.serve("/w.bin", BODY))
    assert server.log[0].authorization == "Basic bWU6c2VjcmV0"


def test_the_caller_gives_credentials_for_each_address(
    server: AssetServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("XRV_MIRRORS", server.url("/m"))
    asset = server.serve("/w.bin", BODY)

    def token(request: Any) -> Any:
        request.headers["Authorization"] = "Bearer s3cret"
        return request

    assets.fetch(asset, auth=lambda url: token if url == asset.urls[0] else None)
    assert [(r.path, r.authorization) for r in server.log] == [
        ("/m/w.bin", "Basic bWU6c2VjcmV0"),
        ("/w.bin", "Bearer s3cret"),
    ]


def test_a_stored_gz_file_stays_as_it_is(server: AssetServer) -> None:
    packed = gzip.compress(b"a,b\n" * 1000)
    asset = server.serve("/t.csv.gz", packed, Fault(headers={"Content-Encoding": "gzip"}))
    assert fetch(asset).read_bytes() == packed


def test_file_addresses_are_copied(tmp_path: Path) -> None:
    (tmp_path / "a b.bin").write_bytes(BODY)
    asset = Asset(name="w.bin", urls=(f"file://{tmp_path}/a%20b.bin",), sha256=sha(BODY), size=len(BODY))
    assert fetch(asset).read_bytes() == BODY
    assert (tmp_path / "a b.bin").exists()


@pytest.fixture
def small_disk() -> Iterator[None]:
    """The system refuses to write more than a chunk and a bit to one file."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (download.CHUNK + 100, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_is_not_the_servers_fault(server: AssetServer) -> None:
    asset = server.serve("/w.bin", BODY[: download.CHUNK + 200])
    message = error(AssetError, lambda: fetch(asset))
    assert re.search(f"Cannot write .*{asset_path(asset).parent}: File too large.*XRV_CACHE_DIR", message)
    assert not asset_path(asset).exists()
    assert len(server.log) == 1


def test_a_full_disk_is_named_with_what_is_free(server: AssetServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a real disk of 1 MB where one can be mounted, else with the error of one."""
    asset = server.serve("/w.bin", BODY)
    folder = asset_path(asset).parent
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        full = OSError(errno.ENOSPC, "No space left on device")
        monkeypatch.setattr(download.Download, "_receive", lambda *_: (_ for _ in ()).throw(full))
    try:
        words = (str(folder), "No space left", f"{len(BODY):,} bytes", "are free", "XRV_CACHE_DIR")
        message = error(AssetError, lambda: fetch(asset), *words)
        assert "Traceback" not in message
        assert not asset_path(asset).exists()
    finally:
        if not mounted.returncode:
            subprocess.run(["umount", str(folder)], check=True)


class Terminal:
    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("asked", "drawn"), [(None, True), (True, True), (False, False)])
def test_progress_on_a_terminal(
    server: AssetServer, monkeypatch: pytest.MonkeyPatch, asked: bool | None, drawn: bool
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    fetch(server.serve("/w.bin", BODY), progress=asked)
    assert ("w.bin: 100%" in terminal.text, bool(terminal.text)) == (drawn, drawn)


@pytest.mark.parametrize(("asked", "drawn"), [(None, False), (True, True)])
def test_no_progress_elsewhere(
    server: AssetServer, capsys: pytest.CaptureFixture[str], asked: bool | None, drawn: bool
) -> None:
    fetch(server.serve("/w.bin", BODY), progress=asked)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert bool(captured.err) == drawn
