"""How commands open a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from messages import says
from view_toys import toy

import xrv_core
from xrv_core import DatasetSpec
from xrv_core.cli.options import dataset_options, open_dataset, parse_options

WORDS = dict.fromkeys(("title", "licence", "citation", "homepage", "obtain"), "-")


@pytest.fixture
def asked() -> Iterator[dict[str, Any]]:
    """The dataset ``toys``, and what it was asked for."""
    seen: dict[str, Any] = {}

    def build(spec: DatasetSpec, **options: Any) -> Any:
        seen.update(options)
        return toy()

    with xrv_core.register(DatasetSpec(name="toys", factory=build, **WORDS)):
        yield seen


def run(*words: str, size: int | None = None, **defaults: Any) -> tuple[Result, list[Any]]:
    opened: list[Any] = []
    command = click.Command(
        "look",
        params=dataset_options("as they are"),
        callback=lambda **options: opened.append(open_dataset("toys", options, size, **defaults)),
    )
    return CliRunner().invoke(command, words), opened


def test_the_dataset_gets_what_the_command_line_says(asked: dict[str, Any]) -> None:
    words = ("--imgpath", "here", "--csvpath", "t.csv", "--views", "PA, AP", "-o", "n=5", "-o", "b=false")
    done, (opened,) = run(*words, a=1, b=True)
    assert done.exit_code == 0, done.output
    assert asked == {"imgpath": "here", "csvpath": "t.csv", "views": ["PA", "AP"], "n": 5, "a": 1, "b": False}
    assert len(opened) == 4


def test_limit_and_size(asked: dict[str, Any]) -> None:
    _, (opened,) = run("--limit", "3", size=32)
    assert len(opened) == 3
    assert "XRayCenterCrop" in repr(asked["transform"])
    assert "32" in repr(asked["transform"])
    _, (whole,) = run("--limit", "4")
    assert type(whole).__name__ == "Toy"


def test_help_tells_what_happens_without_a_size() -> None:
    done, _ = run("--help")
    assert "Centre-crop and resize to this; default: as they are." in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("k=5", 5),
        ("k=1_000", 1000),
        ("k=-0.5", -0.5),
        ("k=true", True),
        ("k=False", False),
        ("k=null", None),
        ("k='a b'", "a b"),
        ('k="5"', "5"),
        ("k=[1, 'x']", [1, "x"]),
        ('k={"a": 1}', {"a": 1}),
        ("k={a = 1}", {"a": 1}),
        ("k=torchxrayvision", "torchxrayvision"),
        ("k=./a folder/b=c", "./a folder/b=c"),
    ],
)
def test_values_are_literals_or_words(pair: str, value: Any) -> None:
    found = parse_options([pair])
    assert found == {"k": value}
    assert type(found["k"]) is type(value)


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (["views"], ("'views'", "KEY=VALUE", "-o n=500")),
        (["a b=1"], ("'a b=1'", "KEY=VALUE", "-o n=500")),
        (["imgpath=x"], ("imgpath", "--imgpath")),
        (["transform=x"], ("transform", "--size")),
        (["n=1", "n=2"], ("n ", "twice")),
        (["n=[1, 2"], ("n,", "'[1, 2'", "TOML or JSON")),
        (["n="], ("n,", "''", "TOML or JSON")),
    ],
)
def test_pairs_that_cannot_be_read(pairs: list[str], words: tuple[str, ...]) -> None:
    with pytest.raises(click.BadParameter, match=says(*words)):
        parse_options(pairs)
