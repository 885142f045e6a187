"""Hostile registries: refused soon, named, and no trouble for others."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from lab_registry import HEAD, LabServer, entry, lab, server  # noqa: F401 -- fixtures
from messages import says

import xrv_core as xrv
from xrv_core.assets import asset_path, cache_dir
from xrv_core.cli import main
from xrv_core.errors import DownloadError, PathMissing, SpecError
from xrv_labs.documents import load

SMALL = '\n[[classifier]]\nname="n%d"\nbackbone="r"\npathologies=["a"]\nweights="w"\nsha256="' + "0" * 64 + '"\n'
BOMBS = {
    "dotted key": (HEAD + ".".join(["a"] * 10_000) + " = 1\n", "10,000 levels of nesting", "XRV_MAX_DEPTH"),
    "long dotted key": (HEAD + ".".join(["a"] * 300_000) + " = 1\n", "300,000 levels", "XRV_MAX_DEPTH"),
    "quoted keys": (HEAD + " . ".join(['"a.b"', "'c'"] * 5_000) + " = 1\n", "10,000 levels", "XRV_MAX_DEPTH"),
    "dotted table": (HEAD + "[" + ".".join(["a"] * 10_000) + "]\n", "levels of nesting", "XRV_MAX_DEPTH"),
    "arrays": (HEAD + "a = " + "[" * 20_000 + "]" * 20_000, "20,000 levels", "XRV_MAX_DEPTH"),
    "inline tables": (HEAD + "a = " + "{a=" * 20_000 + "1" + "}" * 20_000, "20,000 levels", "XRV_MAX_DEPTH"),
    "bytes": (HEAD + "#" * 3_000_000, "1,048,576", "XRV_MAX_REGISTRY_BYTES"),
    "more bytes": (HEAD + "#" * 17_000_000, "bytes", "XRV_MAX_"),
    "many entries": (HEAD + "".join(SMALL % i for i in range(100_000)), "1,048,576", "XRV_MAX_REGISTRY_BYTES"),
    "giant text": (HEAD + entry("a", title='"' + "x" * 5_000_000 + '"'), "1,048,576", "XRV_MAX_REGISTRY_BYTES"),
    "digits": (HEAD + entry("a", size="9" * 5_000), "not valid TOML", "digits"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_soon_and_hides_no_other(tmp_path, lab, name):  # noqa: F811
    text, *words = BOMBS[name]
    place, good = tmp_path / "bomb.toml", tmp_path / "good.toml"
    place.write_text(text)
    good.write_text(HEAD.replace('"lab"', '"good"') + entry("a"))
    start = time.process_time()
    bad, other = lab(place, good)
    assert time.process_time() - start < 2
    assert (bad.state, bad.name, other.state) == ("broken", "lab", "ok")
    assert all(word in bad.problems[0] for word in words), bad.problems
    assert sum(map(len, bad.problems)) < 1_000
    with pytest.raises(SpecError, match=says("lab/mine", place, *words)):
        xrv.get_classifier("lab/mine")
    listed = CliRunner().invoke(main, ["list", "lab/*"])
    assert (listed.exit_code, str(place) in listed.output, words[0] in listed.output) == (1, True, True)
    assert CliRunner().invoke(main, ["list", "good/*"]).exit_code == 0


def test_texts_and_comments_have_no_depth():
    deep = ".".join(["a"] * 500)
    texts = (f'"{deep}"', f"'{deep}'", f'"""{deep}\n{deep}"""', f"'''{deep}'''", f'"a\\"{deep}"', f'""""{deep}"""""')
    for text in (*texts, "[" + "1.5, " * 1_000 + "]"):
        assert load(f"# {deep} {'[' * 500}\nx = {text} # {deep}\ny.'z.{deep}' = 1".encode())["y"]


@pytest.mark.parametrize("quotes", ['"""\\"', "'''", '"', '"""'])
def test_quotes_cost_no_time(quotes):
    start = time.process_time()
    with pytest.raises(SpecError):
        load((HEAD + "a = " + quotes * (1_900_000 // len(quotes)) + "\\").encode())
    assert time.process_time() - start < 2


def test_a_limit_is_raised_by_its_variable(tmp_path, lab, monkeypatch):  # noqa: F811
    place = tmp_path / "r.toml"
    place.write_text(HEAD + "# " + "x" * 3_000_000 + entry("a"))
    assert lab(place)[0].state == "broken"
    monkeypatch.setenv("XRV_MAX_REGISTRY_BYTES", "4_000_000")
    assert lab(place)[0].state == "ok"
    monkeypatch.setenv("XRV_MAX_DOCUMENT_BYTES", "1000")
    assert "XRV_MAX_DOCUMENT_BYTES" in lab(place)[0].problems[0]
    monkeypatch.setenv("XRV_MAX_DOCUMENT_BYTES", "many")
    assert lab(place)[0].state == "broken"


def test_a_server_is_left_as_soon_as_it_sends_too_much(lab, server):  # noqa: F811
    server.files["/r.toml"] = b"#" * 200_000_000
    start = time.monotonic()
    (row,) = lab(server.url("/r.toml"))
    assert time.monotonic() - start < 4
    assert "XRV_MAX_REGISTRY_BYTES" in row.problems[0]


IMPOSSIBLE = {
    "long": ({"name": f'"{"x" * 300}"'}, "100"),
    "dots": ({"name": '".."'}, "begin and end without '.'"),
    "reserved": ({"name": '"con"'}, "every system"),
    "reserved with ending": ({"name": '"nul.x"'}, "every system"),
    "long weights": ({"weights": f'"{"x" * 5_000}"'}, "name of no file"),
    "NUL": ({"weights": '"a\\u0000b"'}, "name of no file"),
    "folder of NUL": ({"weights": '"a\\u0000b/c"'}, "name of no file"),
    "packed NUL": ({"weights": '"https://example.org/a%00b"'}, "name of no file"),
    "size": ({"size": "9" * 4_000}, "'size'"),
    "hexadecimal": ({"size": "0x" + "f" * 100_000}, "'size'"),
    "deep": ({"title": "[" * 90 + "]" * 90}, "'title' must be a text"),
    "table": ({"pathologies": "{ a = 1 }"}, "'pathologies'"),
    "date": ({"sha256": "1979-05-27"}, "'sha256'"),
    "number": ({"factory": "7"}, "Spec"),
    "metrics": ({"metrics": "[1]"}, "'metrics'"),
    "code": ({"code": '"x"'}, "'code'"),
    "publisher": ({"publisher": "7"}, "'publisher'"),
    "yanked": ({"yanked": "true"}, "'yanked'"),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_entry_is_listed_as_a_problem(tmp_path, lab, name):  # noqa: F811
    changes, word = IMPOSSIBLE[name]
    place = tmp_path / "r.toml"
    place.write_text(HEAD + entry("a", **changes) + entry("b", name='"other"'))
    (row,) = lab(place)
    assert (row.offers, len(row.problems)) == ({"classifier": ["lab/other"]}, 1)
    assert word in row.problems[0]
    assert len(row.problems[0]) < 600
    for command in (["list"], ["list", "lab/*"], ["show", "lab/other"], ["plugins"], ["list", "classifiers", "--json"]):
        done = CliRunner().invoke(main, command)
        assert done.exception is None or isinstance(done.exception, SystemExit), command
        assert command == ["plugins"] or done.exit_code == 0


@pytest.mark.parametrize(
    "weights", ["../../../etc/passwd", "/etc/passwd", "a/../..", "..", "x/", "C:\\a", "~/x", "a%2f..%2fb"]
)
def test_weights_stay_in_the_cache(tmp_path, lab, weights):  # noqa: F811
    place = tmp_path / "r.toml"
    place.write_text(HEAD + entry(weights.replace("\\", "\\\\")))
    lab(place)
    for name in xrv.list_classifiers("lab/"):
        inside = asset_path(xrv.describe_classifier(name).weights)
        assert inside.resolve().is_relative_to(cache_dir() / "registries" / "lab" / ("0" * 16))


@pytest.mark.parametrize("prefix", ["..", ".", "con", "x" * 101, "a."])
def test_a_prefix_is_a_good_name_of_a_folder(tmp_path, lab, prefix):  # noqa: F811
    place = tmp_path / "r.toml"
    place.write_text(HEAD.replace('"lab"', f'"{prefix}"') + entry("a"))
    (row,) = lab(place)
    assert (row.state, "'prefix' must" in row.problems[0]) == ("broken", True)


def test_thousands_of_bad_entries_make_a_hundred_problems(tmp_path, lab):  # noqa: F811
    place = tmp_path / "r.toml"
    place.write_text(HEAD + SMALL.replace("name", "nome") * 1_000 % tuple(range(1_000)) + entry("a"))
    (row,) = lab(place)
    assert (len(row.problems), row.problems[-1]) == (101, "and 900 more problems")
    assert row.offers == {"classifier": ["lab/mine"]}


def test_who_asks_for_a_name_is_told_what_is_wrong_with_it(tmp_path, lab, server):  # noqa: F811
    absent, bad = tmp_path / "absent.toml", tmp_path / "bad.toml"
    lab(absent)
    with pytest.raises(PathMissing, match=says("lab/mine", absent, "no such file")):
        xrv.get_classifier("lab/mine")
    assert str(absent) in CliRunner().invoke(main, ["list", "lab/*"]).output
    bad.write_text('prefix = "lab"\nprefix = 3')
    lab(bad)
    with pytest.raises(SpecError, match=says("lab/mine", bad, "not valid TOML")):
        xrv.describe_classifier("lab/mine")
    assert "not valid TOML" in CliRunner().invoke(main, ["show", "lab/mine"]).output
    lab(server.url("/none.toml"))
    with pytest.raises(DownloadError, match=says("lab/mine", "/none.toml", "404")):
        xrv.get_classifier("lab/mine")
    with pytest.raises(xrv.errors.UnknownName, match="phantom-net"):
        xrv.get_classifier("phantom-ne")
    assert xrv.describe_classifier("timm/resnet18").name == "timm/resnet18"


def test_a_broken_registry_does_not_hide_another_of_its_prefix(tmp_path, lab):  # noqa: F811
    bad, good = tmp_path / "bad.toml", tmp_path / "good.toml"
    bad.write_text('prefix = "lab"\n[')
    good.write_text(HEAD + entry("a"))
    for order in ((bad, good), (good, bad)):
        lab(*order)
        assert xrv.describe_classifier("lab/mine@1").version == 1
        with pytest.raises(SpecError, match=says("lab/none", bad)):
            xrv.describe_classifier("lab/none")


def test_a_place_that_is_no_file(tmp_path, lab):  # noqa: F811
    for place in (tmp_path, Path("/dev/zero"), tmp_path / ("x" * 300)):
        assert lab(place)[0].state == "broken"
