"""Plugins on disk: found, refused, reported; a broken one hides nobody."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from messages import says

import xrv_core
import xrv_core.discovery
import xrv_core.specs.known
from xrv_core.errors import FactoryError, NotInstalled, UnknownName

Install = Callable[..., None]

GOOD = """
@hookimpl
def xrv_datasets():
    return [dataset("toy", aliases=("plaything",))]
"""


def plugin(distribution: str) -> xrv_core.discovery.Plugin:
    return next(p for p in xrv_core.plugins() if p.distribution.split()[0] == distribution)


def test_a_plugin_on_disk_is_found_by_name_and_by_alias(install: Install) -> None:
    install("xrv-toy", GOOD)
    assert "toy" in xrv_core.list_datasets()
    assert xrv_core.describe_dataset("plaything").name == "toy"
    assert plugin("xrv-toy").state == "ok"
    assert plugin("xrv-toy").offers == {"dataset": ["toy"]}


def test_it_is_gone_when_its_folder_is(install: Install) -> None:
    assert "toy" not in xrv_core.list_datasets()


def test_an_import_error_is_reported_and_hides_nobody(install: Install) -> None:
    install("xrv-bad", "raise RuntimeError('no\\nlicence')")
    install("xrv-toy", GOOD)
    (problem,) = plugin("xrv-bad").problems
    assert re.search(says("xrv_bad_plugin", "RuntimeError", "no licence"), problem)
    assert plugin("xrv-bad").state == "broken"
    assert "toy" in xrv_core.list_datasets()


def test_a_plugin_that_calls_exit_is_reported(install: Install) -> None:
    install("xrv-bad", "raise SystemExit(3)")
    (problem,) = plugin("xrv-bad").problems
    assert re.search(says("xrv_bad_plugin", "SystemExit", "3"), problem)


def test_a_misspelt_hook_is_reported_and_the_others_of_the_plugin_count(install: Install) -> None:
    install("xrv-toy", GOOD + "\n@hookimpl\ndef xrv_classifyers():\n    return []\n")
    (problem,) = plugin("xrv-toy").problems
    assert re.search(says("'xrv_classifyers'", "hook", "Did you mean 'xrv_classifiers'?"), problem)
    assert plugin("xrv-toy").state == "partly broken"
    assert "toy" in xrv_core.list_datasets()


def test_a_hook_without_its_mark_is_reported(install: Install) -> None:
    install("xrv-toy", "def xrv_datasets():\n    return []\n")
    (problem,) = plugin("xrv-toy").problems
    assert re.search(says("xrv_datasets", "@xrv_core.hookimpl"), problem)


def test_a_hook_with_wrong_arguments_is_reported(install: Install) -> None:
    install("xrv-toy", "@hookimpl\ndef xrv_resolve(kind, title):\n    return None\n")
    (problem,) = plugin("xrv-toy").problems
    assert problem.startswith("a hook has the wrong arguments: PluginValidationError: Plugin 'xrv_toy_plugin'")


def test_a_plugin_without_hooks_is_reported(install: Install) -> None:
    install("xrv-toy", "")
    (problem,) = plugin("xrv-toy").problems
    assert re.search(says("xrv_toy_plugin", "no hook", "xrv_core.hooks"), problem)


def test_a_hook_that_raises_is_reported(install: Install) -> None:
    wrong_name = "@hookimpl\ndef xrv_datasets():\n    return [dataset('Toy Box')]\n"
    install("xrv-toy", wrong_name + GOOD.replace("datasets", "autoencoders"))
    second, first = plugin("xrv-toy").problems
    assert re.search(says("xrv_datasets()", "SpecError", "'Toy Box'", "lower case", "'.', '_' and '-'"), first)
    assert second == "xrv_autoencoders() returned the DatasetSpec 'toy', which is no AutoencoderSpec"


def test_a_hook_that_returns_no_list_is_reported(install: Install) -> None:
    install("xrv-toy", "@hookimpl\ndef xrv_datasets():\n    return None\n")
    (problem,) = plugin("xrv-toy").problems
    assert re.search(says("xrv_datasets()", "TypeError", "'NoneType' object is not iterable"), problem)


def test_a_name_that_two_claim_stays_with_the_first_and_both_are_named(install: Install) -> None:
    install("xrv-toy", GOOD)
    install("xrv-zoo", "@hookimpl\ndef xrv_datasets():\n    return [dataset('toy'), dataset('zoo')]\n")
    (problem,) = plugin("xrv-zoo").problems
    assert re.search(says("dataset name 'toy'", "xrv-zoo 1.0", "taken", "xrv-toy 1.0", "XRV_PLUGINS"), problem)
    assert xrv_core.list_datasets("zoo") == ["zoo"]


def test_our_own_names_cannot_be_taken_by_a_plugin_that_sorts_first(install: Install) -> None:
    install("aaa", "@hookimpl\ndef xrv_datasets():\n    return [dataset('nih')]\n")
    assert xrv_core.describe_dataset("nih").factory == "xrv_nih.dataset:NIHDataset"
    assert "xrv-nih" in plugin("aaa").problems[0]


def test_two_distributions_with_one_entry_name_both_load(install: Install) -> None:
    install("xrv-toy", GOOD, entry="same")
    install("xrv-zoo", "@hookimpl\ndef xrv_datasets():\n    return [dataset('zoo')]\n", entry="same")
    assert {"toy", "zoo"} <= set(xrv_core.list_datasets())


def test_open_ended_names_are_resolved_and_a_resolver_that_raises_is_reported(install: Install) -> None:
    source = """
    @hookimpl
    def xrv_resolve(kind, name):
        return dataset(name) if kind == "dataset" and name.startswith("toy/") else None
    """
    install("xrv-bad", "@hookimpl\ndef xrv_resolve(kind, name):\n    return 1 / 0\n")
    install("xrv-toy", source)
    assert xrv_core.describe_dataset("toy/anything").name == "toy/anything"
    assert "toy/anything" not in xrv_core.list_datasets()
    (problem,) = plugin("xrv-bad").problems
    assert re.search(says("xrv_resolve('dataset', 'toy/anything')", "ZeroDivisionError: division by zero"), problem)


def test_xrv_plugins_limits_what_loads(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("xrv-toy", GOOD)
    monkeypatch.setenv("XRV_PLUGINS", "xrv-toy")
    xrv_core.reload_plugins()
    assert xrv_core.list_datasets() == ["toy"]
    with pytest.raises(NotInstalled, match=says("'nih'", "xrv-nih", "XRV_PLUGINS", "add 'nih'")):
        xrv_core.describe_dataset("nih")
    monkeypatch.setenv("XRV_PLUGINS", "none")
    xrv_core.reload_plugins()
    with pytest.raises(UnknownName, match=says("dataset", "'x'", "no installed plugin")):
        xrv_core.describe_dataset("x")


def test_a_known_plugin_that_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(xrv_core.specs.known.KNOWN["dataset"], "jsrt", "xrv-jsrt")
    with pytest.raises(NotInstalled, match=says("'jsrt'", "xrv-jsrt", "not installed", "pip install xrv-jsrt")):
        xrv_core.get_dataset("jsrt")


def test_code_that_cannot_be_imported_is_a_typed_error(install: Install) -> None:
    install("xrv-toy", GOOD)
    with pytest.raises(
        FactoryError, match=says("'toy'", "toy_code:Toy", "cannot be imported", "No module named 'toy_code'")
    ):
        xrv_core.get_dataset("toy")


def test_every_installed_plugin_of_ours_is_sound() -> None:
    xrv_core.reload_plugins()
    assert {p.distribution: p.problems for p in xrv_core.plugins() if p.problems} == {}


def test_registries_that_no_plugin_reads_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRV_REGISTRIES", "/share/registry.toml")
    monkeypatch.setenv("XRV_PLUGINS", "nih")
    try:
        row = next(p for p in xrv_core.reload_plugins() if p.name == "registries")
        assert (row.state, row.module) == ("broken", "/share/registry.toml")
        assert re.search(says("xrv-labs", "XRV_PLUGINS switches off"), row.problems[0])
    finally:
        monkeypatch.undo()
        xrv_core.reload_plugins()


def test_a_list_that_is_no_listing_is_reported(install: Install) -> None:
    install("xrv-toy", "@hookimpl\ndef xrv_listings():\n    return ['a']\n")
    (row,) = [p for p in xrv_core.plugins() if p.distribution.startswith("xrv-toy")]
    assert re.search(says("xrv_listings()", "'a'", "Listing"), row.problems[0])
