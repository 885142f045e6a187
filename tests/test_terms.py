"""The terms of a dataset are told at its first use, once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import xrv_core
from xrv_core import terms
from xrv_core.assets import cache_dir

TOLD = "toy: by using A toy you accept its terms. Share alike. Licence: CC0\n"


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "_told", set())


def spec(**more: str) -> xrv_core.DatasetSpec:
    return xrv_core.DatasetSpec(
        name="toy",
        title="A toy",
        factory=lambda spec, **_: SimpleNamespace(spec=spec),  # type: ignore[arg-type]
        **{"terms": "Share alike.", "licence": "CC0", "citation": "-", "homepage": "-", "obtain": "-", **more},  # type: ignore[arg-type]
    )


def use(made: xrv_core.DatasetSpec, capsys: pytest.CaptureFixture[str]) -> str:
    with xrv_core.register(made):
        xrv_core.get_dataset("toy")
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_once_for_this_cache(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert use(spec(), capsys) == TOLD
    assert use(spec(), capsys) == ""
    monkeypatch.setattr(terms, "_told", set())  # another process
    assert use(spec(), capsys) == ""


def test_changed_terms_are_told_again(capsys: pytest.CaptureFixture[str]) -> None:
    use(spec(), capsys)
    changed = replace(spec(), terms="Ask first.")
    assert use(changed, capsys) == "toy: by using A toy you accept its terms. Ask first. Licence: CC0\n"
    assert use(changed, capsys) == ""


def test_no_terms_no_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert use(spec(terms=""), capsys) == ""
    assert not (cache_dir() / "terms").exists()


def test_a_folder_that_cannot_be_written_to_is_no_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XRV_CACHE_DIR", str(tmp_path / "file"))
    assert use(spec(), capsys) == TOLD
    assert use(spec(), capsys) == "", "once a process"


def test_a_dataset_that_does_not_open_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(xrv_core.errors.PathMissing):
        xrv_core.get_dataset("nih", csvpath="nowhere.csv")
    assert capsys.readouterr().err == ""
