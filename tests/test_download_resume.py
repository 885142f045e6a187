"""Interrupted downloads go on where they stopped, and never glue two versions of a file together."""

from __future__ import annotations

import hashlib
import os

import pytest
from asset_server import AssetServer, Fault, server

from xrv_core import Asset, fetch
from xrv_core.assets import download

__all__ = ["server"]

BODY = os.urandom(5 * download.CHUNK + 1000)
HALF = 2 * download.CHUNK


@pytest.mark.parametrize("hashed", [True, False])
def test_a_truncated_body_is_resumed_not_begun_anew(server: AssetServer, hashed: bool) -> None:
    asset = server.serve("/w.bin", BODY, Fault(cut=HALF), hashed=hashed, sized=False)
    assert fetch(asset).read_bytes() == BODY
    assert [(r.status, r.range, r.sent) for r in server.log] == [
        (200, None, HALF),
        (206, f"bytes={HALF}-", len(BODY) - HALF),
    ]
    assert server.log[1].if_range == f'"{hashlib.md5(BODY).hexdigest()}"'


def test_as_long_as_each_try_brings_something_the_number_of_tries_does_not_matter(server: AssetServer) -> None:
    body = os.urandom(8 * download.CHUNK)
    server.always = Fault(cut=download.CHUNK)
    assert fetch(server.serve("/w.bin", body)).read_bytes() == body
    assert [r.sent for r in server.log] == [download.CHUNK] * 8


def test_fewer_bytes_than_published_without_an_announcement_are_an_interruption(server: AssetServer) -> None:
    asset = server.serve("/w.bin", BODY, Fault(cut=HALF, claim=None))
    assert fetch(asset).read_bytes() == BODY
    assert [r.range for r in server.log] == [None, f"bytes={HALF}-"]


def test_a_server_that_ignores_range_starts_over(server: AssetServer) -> None:
    asset = server.serve("/w.bin", BODY, Fault(cut=HALF), Fault(ignore_range=True))
    assert fetch(asset).read_bytes() == BODY
    assert [(r.status, r.range) for r in server.log] == [(200, None), (200, f"bytes={HALF}-")]


@pytest.mark.parametrize("fault", [Fault(shift=1), Fault(shift=len(BODY)), Fault(headers={"Content-Range": "bytes"})])
def test_a_wrong_range_starts_over(server: AssetServer, fault: Fault) -> None:
    asset = server.serve("/w.bin", BODY, Fault(cut=HALF), fault)
    assert fetch(asset).read_bytes() == BODY
    assert [r.range for r in server.log] == [None, f"bytes={HALF}-", None]


def test_a_new_version_on_the_server_is_not_glued_to_the_old_one(server: AssetServer) -> None:
    old = os.urandom(len(BODY))
    asset = server.serve("/w.bin", BODY, Fault(body=old, cut=HALF), hashed=False, sized=False)
    assert fetch(asset).read_bytes() == BODY
    assert [(r.status, r.range) for r in server.log] == [(200, None), (200, f"bytes={HALF}-")]


def test_a_server_that_ignores_if_range_is_caught_by_its_etag(server: AssetServer) -> None:
    asset = server.serve("/w.bin", BODY, Fault(cut=HALF), Fault(headers={"ETag": '"new"'}), hashed=False)
    assert fetch(asset).read_bytes() == BODY
    assert [(r.status, r.range) for r in server.log] == [(200, None), (206, f"bytes={HALF}-"), (200, None)]


def test_glued_versions_are_caught_by_the_hash_where_the_server_has_no_etag(server: AssetServer) -> None:
    server.etag = False
    old = os.urandom(len(BODY))
    asset = server.serve("/w.bin", BODY, Fault(body=old, cut=HALF))
    assert fetch(asset).read_bytes() == BODY
    assert [(r.status, r.range) for r in server.log] == [(200, None), (206, f"bytes={HALF}-"), (200, None)]


def test_without_hash_and_without_etag_nothing_is_resumed(server: AssetServer) -> None:
    server.etag = False
    asset = server.serve("/w.bin", BODY, Fault(cut=HALF), hashed=False)
    assert fetch(asset).read_bytes() == BODY
    assert [r.range for r in server.log] == [None, None]


def test_a_weak_etag_is_no_validator_but_a_date_is(server: AssetServer) -> None:
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    first = Fault(cut=HALF, headers={"ETag": 'W/"1"', "Last-Modified": date})
    fetch(server.serve("/w.bin", BODY, first, hashed=False))
    assert server.log[1].if_range == date


def test_a_hashed_file_goes_on_at_the_next_address(server: AssetServer) -> None:
    good = server.serve("/b", BODY)
    server.serve("/a", BODY, Fault(cut=HALF), *[Fault(status=500)] * 4)
    asset = Asset(name="w.bin", urls=(server.url("/a"), server.url("/b")), sha256=good.sha256)
    assert fetch(asset).read_bytes() == BODY
    assert [(r.path, r.range) for r in server.log[5:]] == [("/b", f"bytes={HALF}-")]


def test_redirects_are_followed_and_resumed(server: AssetServer) -> None:
    server.serve("/real", BODY, Fault(cut=HALF))
    away = Fault(location=server.url("/real"))
    assert fetch(server.serve("/w.bin", BODY, away, away)).read_bytes() == BODY
    assert [(r.path, r.range) for r in server.log[2:]] == [("/w.bin", f"bytes={HALF}-"), ("/real", f"bytes={HALF}-")]
