"""Names that our own plugins offer, so that a missing one can say what to install.

A test keeps this table equal to what the plugin folders offer.
"""

from __future__ import annotations

__all__ = ["FAMILIES", "KNOWN", "owner_of"]

_DATASETS = """brax chexpert covid19 hannover mimic nih nlmtb objectcxr openi padchest phantom ralo rsna siim table
    tbx11k vinbrain"""
_DENSENET = ["all", "nih", "pc", "chex", "rsna", "mimic_nb", "mimic_ch"]

#: Kind, then name (or alias), then the distribution that offers it.
KNOWN: dict[str, dict[str, str]] = {
    "dataset": {
        **{name: f"xrv-{name}" for name in _DATASETS.split()},
        **{"chexlocalize": "xrv-chexpert", "nih-google": "xrv-nih", "vindr": "xrv-vinbrain"},
    },
    "classifier": {
        **dict.fromkeys(["age", "race", "sex", "view"], "xrv-attributes"),
        "chexpert-ensemble": "xrv-chexpert-ensemble",
        **{f"densenet121-res224-{name}": "xrv-densenet" for name in _DENSENET},
        **dict.fromkeys(_DENSENET, "xrv-densenet"),
        "jfhealthcare": "xrv-jfhealthcare",
        "phantom-net": "xrv-phantom-net",
        "resnet50-res512-all": "xrv-resnet",
    },
    "autoencoder": {
        "phantom-ae": "xrv-phantom-net",
        **dict.fromkeys(["resnet101-elastic", "101-elastic"], "xrv-resnet-ae"),
        **{f"{alias}vqgan-768-{name}": "xrv-vqgan" for alias in ("", "cxr2-") for name in ("sd", "msdd")},
    },
    "segmenter": {"chestx-det": "xrv-chestx-det", "cxas": "xrv-cxas"},
    "command": {
        **{name: f"xrv-{name}" for name in ("check", "compat", "features", "plot")},
        "evaluate": "xrv-eval",
        **dict.fromkeys(["publish", "sign", "yank"], "xrv-labs"),
        **dict.fromkeys(["convert", "export", "predict", "segment", "verify"], "xrv-run"),
    },
}

#: Prefixes of open-ended names.
FAMILIES: dict[str, dict[str, str]] = {"classifier": {"timm/": "xrv-timm"}}


def owner_of(kind: str, name: str) -> str | None:
    """The distribution that is known to offer ``name``, None for other names."""
    if name in KNOWN.get(kind, {}):
        return KNOWN[kind][name]
    return next((owner for prefix, owner in FAMILIES.get(kind, {}).items() if name.startswith(prefix)), None)
