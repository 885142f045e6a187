"""One bad neighbour stops nobody: what a plugin or a distribution does is reported, and all others are listed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from messages import says

import xrv_core
from conftest import write_plugin
from xrv_core.errors import AssetError, FactoryError

Install = Callable[..., None]
GOOD = "@hookimpl\ndef xrv_datasets():\n    return [dataset('toy')]\n"


def hook(body: str, name: str = "xrv_datasets()") -> str:
    return f"@hookimpl\ndef {name}:\n    {body}\n"


#: What a plugin does, and words of the report.
BAD = {
    "exits at import": ("import sys; sys.exit(3)", ("import of", "SystemExit: 3")),
    "panics at import": ("class Panic(BaseException): pass\nraise Panic('at the disco')", ("Panic: at the disco",)),
    "prints at import": ("print('hello')\n" + GOOD.replace("toy", "bad"), ("import of", "printed", "hello")),
    "prints to stderr": ("import sys; sys.stderr.write('ugh')\n" + GOOD.replace("toy", "bad"), ("printed", "ugh")),
    "moves away": ("import os; os.chdir('/')\n" + GOOD.replace("toy", "bad"), ("working directory", "changed back")),
    "a hook exits": (hook("raise SystemExit"), ("xrv_datasets()", "SystemExit")),
    "a hook ends a generator": (hook("raise GeneratorExit"), ("xrv_datasets()", "GeneratorExit")),
    "a hook prints": (hook("print('hello'); return [dataset('bad')]"), ("xrv_datasets()", "printed", "hello")),
    "a hook moves away": (hook("import os; os.chdir('/'); return []"), ("xrv_datasets()", "working directory")),
    "a hook gives None": (hook("return None"), ("xrv_datasets()", "TypeError", "NoneType")),
    "a hook gives a dict": (hook("return {'a': 1}"), ("xrv_datasets()", "TypeError", "{'a': 1}")),
    "a hook gives a text": (hook("return 'abc'"), ("xrv_datasets()", "TypeError", "'abc'")),
    "a hook gives one spec": (hook("return dataset('bad')"), ("xrv_datasets()", "TypeError", "not iterable")),
    "a generator breaks off": (hook("yield dataset('bad'); 1 / 0"), ("xrv_datasets()", "ZeroDivisionError")),
    "another kind": (
        hook("return [dataset('bad')]", "xrv_segmenters()"),
        ("the DatasetSpec 'bad'", "no SegmenterSpec"),
    ),
    "no spec at all": (hook("return [5, object]"), ("xrv_datasets()", "5", "no DatasetSpec")),
    "an object without repr": (
        "class Odd:\n    def __repr__(self): raise RuntimeError('no repr')\n" + hook("return [Odd()]"),
        ("RuntimeError", "no repr"),
    ),
    "an error without str": (
        "class Odd(Exception):\n    def __str__(self): raise RuntimeError\n" + hook("raise Odd"),
        ("xrv_datasets()", "raised Odd"),
    ),
    "a wrong field": (hook("return [dataset('bad', images='many')]"), ("SpecError", "'images'", "'many'")),
    "wrong pathologies": (
        hook("return [dataset('bad', pathologies='Mass')]"),
        ("SpecError", "'pathologies'", "'Mass'"),
    ),
    "wrong overlaps": (hook("return [dataset('bad', overlaps=[1])]"), ("SpecError", "'overlaps'", "'1'")),
    "no name": (hook("return [dataset(None)]"), ("SpecError", "'name'", "NoneType")),
    "a name that is taken": (
        hook("return [dataset('nih'), dataset('fine')]"),
        ("'nih'", "xrv-bad 1.0 (in ", "taken", "xrv-nih 0.1.0 (in ", "XRV_PLUGINS"),
    ),
    "listings that exit": (hook("raise SystemExit", "xrv_listings()"), ("xrv_listings()", "SystemExit")),
    "a listing of something else": (hook("return [5]", "xrv_listings()"), ("xrv_listings()", "5", "no Listing")),
}


def report(distribution: str = "xrv-bad") -> str:
    return "\n".join(
        p for row in xrv_core.plugins() if row.distribution.split()[0] == distribution for p in row.problems
    )


@pytest.mark.parametrize("case", BAD)
def test_it_is_reported_and_everybody_else_is_listed(
    install: Install, case: str, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source, words = BAD[case]
    install("xrv-toy", GOOD)
    install("xrv-bad", source)
    assert {"toy", "nih"} <= set(xrv_core.list_datasets())
    assert re.search(says(*words), report()), report()
    assert capfd.readouterr() == ("", "")
    assert Path.cwd() == tmp_path


def test_a_resolver_that_exits_prints_or_gives_something_else_stops_no_name(
    install: Install, capfd: pytest.CaptureFixture[str]
) -> None:
    for number, body in enumerate(("raise SystemExit", "print('hello')", "return {'a': 1}")):
        install(f"xrv-bad{number}", hook(body, "xrv_resolve(kind, name)"))
    install(
        "xrv-toy",
        hook("return dataset(name) if kind == 'dataset' and name[:4] == 'toy/' else None", "xrv_resolve(kind, name)"),
    )
    assert xrv_core.describe_dataset("toy/x").name == "toy/x"
    with pytest.raises(LookupError):
        xrv_core.describe_classifier("nosuch")
    assert [len(report(f"xrv-bad{n}")) > 0 for n in range(3)] == [True] * 3
    assert capfd.readouterr().out == ""


def test_authentication_that_fails_is_reported_and_asked_no_further(install: Install) -> None:
    install("xrv-bad", hook("raise SystemExit", "xrv_auth(url)"))
    install("xrv-odd", hook("return 5", "xrv_auth(url)"))
    from xrv_core.catalogue import the_catalogue

    assert the_catalogue().auth("https://example.org/w") is None
    assert "SystemExit" in report()
    assert "no authentication" in report("xrv-odd")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def broken(:\n", ("SyntaxError",)),
        ("raise SystemExit('bye')", ("SystemExit", "bye")),
        ("class Panic(BaseException): pass\nraise Panic('x')", ("Panic", "x")),
        ("\0", ("null bytes",)),
        ("class Other: pass", ("Toy",)),
    ],
)
def test_a_module_that_cannot_be_imported_is_told_when_it_is_opened_and_by_xrv_plugins(
    install: Install, tmp_path: Path, code: str, words: tuple[str, ...]
) -> None:
    (tmp_path / "toy_code.py").write_text(code)
    install("xrv-toy", GOOD)
    with pytest.raises(FactoryError, match=says("'toy'", "toy_code:Toy", *words)):
        xrv_core.get_dataset("toy")


# -- what the command sees, in a process of its own


def xrv(*arguments: str, site: Path | None = None, shell: str = "", **environment: str | None) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of ``xrv``; ``site`` is a folder of distributions; None unsets a variable."""
    paths = [str(site)] if site else []
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")]), **environment}
    code = "from xrv_core.cli import main; main(prog_name='xrv')"
    command = [sys.executable, "-c", code, *arguments]
    if shell:
        command = ["bash", "-c", f'"$0" "$@" {shell}', *command]
    done = subprocess.run(
        command, env={k: v for k, v in env.items() if v is not None}, capture_output=True, timeout=120, check=False
    )
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def test_the_command_lists_prints_clean_json_and_reports(tmp_path: Path) -> None:
    write_plugin(tmp_path, "xrv-toy", GOOD, entry="toy")
    (tmp_path / "toy_code.py").write_text("class Toy: pass\n")
    noisy = "import os, subprocess, sys\nprint('noise'); os.write(1, b'noise'); subprocess.run(['echo', 'noise'])\n"
    write_plugin(tmp_path, "xrv-noisy", noisy + GOOD.replace("toy", "noisy"), entry="noisy")
    write_plugin(tmp_path, "xrv-exit", "raise SystemExit(7)", entry="exit")
    title = "dataset('esc', title='A \\x1b[31mred \\u00e9 title')"
    write_plugin(
        tmp_path, "xrv-esc", hook(f"return [{title}]").replace("title=", "description='x', warning="), entry="esc"
    )
    (tmp_path / "xrv_cut-1.0.dist-info").mkdir()
    (tmp_path / "xrv_cut-1.0.dist-info" / "entry_points.txt").write_text("[xrv_core]\nno equals sign\n")
    (tmp_path / "garbage-1.0.dist-info").mkdir()
    (tmp_path / "garbage-1.0.dist-info" / "entry_points.txt").write_bytes(b"\xff\xfe[xrv_core]")
    code, out, _ = xrv("list", "--json", site=tmp_path)
    assert code == 0
    assert {"toy", "noisy", "nih"} <= {d["name"] for d in json.loads(out)["datasets"]}
    code, out, err = xrv("list", site=tmp_path)
    assert (code, "toy" in out, "plugins with problems: see `xrv plugins`" in err) == (0, True, True)
    code, out, err = xrv("plugins", site=tmp_path)
    assert code == 1
    for words in (
        ("xrv-noisy", "printed", "noise"),
        ("xrv-exit", "SystemExit: 7"),
        ("xrv-cut", "reading"),
        ("garbage-1.0", "reading"),
    ):
        assert any(all(word in line for word in words) for line in err.splitlines()), (words, err)
    assert "xrv-toy 1.0" in out
    code, out, err = xrv("doctor", site=tmp_path)
    assert code == 1
    assert "xrv-exit 1.0" in err


def test_xrv_plugins_finds_what_reading_the_code_shows(tmp_path: Path) -> None:
    for name in ("toy_syntax", "toy_heavy", "toy_right"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
        (tmp_path / name / "code.py").write_text("from a import b\nif True:\n    class Toy: ...\nmini = print\n")
    (tmp_path / "toy_syntax" / "code.py").write_text("class Toy(:\n")
    (tmp_path / "toy_heavy" / "parts.py").write_text("import pandas\n")
    cases = {
        "xrv-right": (
            "dataset('right', miniature='toy_right.code:mini', overlaps=('nih', 'siim'))",
            "toy_right.code:Toy",
            (),
        ),
        "xrv-attr": ("dataset('attr')", "toy_right.code:Toi", ("does not define 'Toi'",)),
        "xrv-module": ("dataset('module')", "toy_right.cod:Toy", ("no module 'toy_right.cod'",)),
        "xrv-top": ("dataset('top')", "toy_rihgt.code:Toy", ("no module",)),
        "xrv-syntax": ("dataset('syntax')", "toy_syntax.code:Toy", ("cannot be read as Python",)),
        "xrv-mini": (
            "dataset('mini', miniature='toy_right.code:minni')",
            "toy_right.code:Toy",
            ("miniature", "'minni'"),
        ),
        "xrv-over": ("dataset('over', overlaps=('nihh',))", "toy_right.code:Toy", ("'overlaps'", "'nihh'")),
    }
    for distribution, (spec, factory, _) in cases.items():
        body = f"import dataclasses; return [dataclasses.replace({spec}, factory={factory!r})]"
        write_plugin(tmp_path, distribution, hook(body), entry=distribution)
    write_plugin(
        tmp_path, "xrv-heavy", "from toy_heavy import parts\n" + hook("return [dataset('heavy')]"), entry="heavy"
    )
    (tmp_path / "toy_code.py").write_text("def __getattr__(name): ...\n")
    code, out, err = xrv("plugins", site=tmp_path)
    assert code == 1
    lines = err.splitlines()
    for distribution, (_, _, words) in {**cases, "xrv-heavy": ("", "", ("pandas",))}.items():
        own = [line for line in lines if line.startswith(f"{distribution} ")]
        assert bool(own) == bool(words), (distribution, own)
        assert all(any(word in line for line in own) for word in words), (distribution, own)
        assert [line.split()[2] for line in out.splitlines() if line.startswith(f"{distribution} ")] == (
            ["partly"] if words else ["ok"]
        )
    assert not any(line.startswith("xrv-nih ") for line in lines)


def test_who_uses_the_name_of_another_is_reported_with_both_places(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for place, version in ((first, "1.0"), (second, "2.0")):
        place.mkdir()
        write_plugin(place, "xrv-toy", GOOD, entry="toy", version=version)
    write_plugin(second, "xrv-claim", GOOD.replace("'toy'", "'claim'"), entry="toy")
    write_plugin(second, "xrv-nih", GOOD.replace("'toy'", "'evil'"), entry="evil")
    _, out, err = xrv("plugins", site=first, PYTHONPATH=f"{first}:{second}:{os.environ.get('PYTHONPATH', '')}")
    lines = err.splitlines()
    for words in (
        ("xrv-toy 2.0", f"it is in {second}", f"xrv-toy 1.0 in {first}", "comes first"),
        ("xrv-toy 1.0", f"it is in {first}", "entry point 'toy'", f"xrv-claim 1.0 in {second}"),
        ("xrv-nih 1.0", f"in {second}", "ours", "xrv_nih_plugin"),
        ("xrv-nih 0.1.0", "not loaded", f"xrv-nih 1.0 in {second}"),
    ):
        assert any(all(word in line for word in words) for line in lines), (words, err)
    assert "evil" not in out


@pytest.mark.parametrize(
    ("shell", "environment"),
    [
        ("2>&-", {}),
        (">&-", {}),
        (">&- 2>&-", {}),
        ("", {"PYTHONIOENCODING": "ascii"}),
        ("", {"PYTHONIOENCODING": "latin-1"}),
        ("", {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}),
        ("", {"HOME": None, "XRV_CACHE_DIR": "~nobodyhere/x"}),
        ("", {"HOME": "/nonexistent", "XRV_CACHE_DIR": None}),
    ],
)
def test_listing_works_wherever_it_runs(tmp_path: Path, shell: str, environment: dict[str, str | None]) -> None:
    write_plugin(tmp_path, "xrv-toy", GOOD.replace("'toy'", "'toy', masks=('hémisphère \\u2713',)"), entry="toy")
    (tmp_path / "toy_code.py").write_text("class Toy: pass\n")
    code, out, err = xrv("list", site=tmp_path, shell=shell, **environment)
    assert code == 0
    assert "Traceback" not in err
    if ">&-" not in shell.replace("2>&-", ""):
        assert "toy " in out


def test_a_full_device_and_a_closed_pipe_end_in_one_line(tmp_path: Path) -> None:
    code, _, err = xrv("list", shell="> /dev/full")
    assert (code, err.count("\n")) == (1, 1)
    assert "No space left" in err
    _, out, err = xrv("list", shell="| head -1")
    assert (out, err) == ("DATASETS\n", "")


def test_a_deleted_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert xrv("list", "datasets", "nih")[0] == 0
    assert xrv("plugins")[0] == 0
    code, _, err = xrv("doctor")
    assert (code, "working directory was deleted" in err) == (1, True)
    code, _, err = xrv("fetch", "phantom-net", XRV_CACHE_DIR="here")
    assert (code, err.count("\n"), "XRV_CACHE_DIR" in err) == (1, 1, True)


def test_without_a_home_a_cache_is_missed_only_where_it_is_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As of a user without an entry in the password file."""
    monkeypatch.setenv("XRV_CACHE_DIR", "~nosuchuser/x")
    assert xrv_core.list_classifiers()
    weights = xrv_core.describe_classifier("densenet121-res224-all").weights
    from xrv_core.assets import asset_state

    assert asset_state(weights) == "not fetched"
    assert len(
        xrv_core.get_dataset("nih", **{k: v for k, v in xrv_core.miniature("nih", tmp_path).items() if k != "boxes"})
    )
    with pytest.raises(AssetError, match=says("XRV_CACHE_DIR")):
        xrv_core.fetch(weights)
    monkeypatch.delenv("XRV_CACHE_DIR")
    for answer in (Path("~/.cache/xrv_core"), RuntimeError("no home")):

        def told(_: str, answer: Path | RuntimeError = answer) -> Path:
            if isinstance(answer, RuntimeError):
                raise answer
            return answer

        monkeypatch.setattr("platformdirs.user_cache_path", told)
        with pytest.raises(AssetError, match=says("home", "XRV_CACHE_DIR")):
            xrv_core.fetch(weights)
