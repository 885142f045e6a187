"""`make test-wheels`: core and all plugins as wheels in a clean environment; the demo and the kit run."""

from __future__ import annotations

import time

from clean import ROOT, clean, wheels

KIT = """
import xrv_core
from xrv_core.testing import check_classifier, check_dataset

if __name__ == "__main__":
    broken = [p for p in xrv_core.plugins() if p.problems]
    assert not broken, broken
    assert "site-packages" in xrv_core.__file__, xrv_core.__file__
    results = [*check_dataset("nih"), *check_classifier("phantom-net")]
    print(len(results), "checks of the kit hold from the wheels")
"""


def main() -> None:
    projects = [ROOT, *sorted(path.parent for path in (ROOT / "plugins").glob("*/*/pyproject.toml"))]
    with clean() as place:
        start = time.monotonic()
        built = wheels(place.folder, *projects)
        assert len(built) == len(projects), (len(built), len(projects))
        core = built.pop("xrv-core")
        place.install(f"xrv-core[all] @ {core.as_uri()}", *built.values())
        print(f"{len(built)} plugins and the core installed as wheels in {time.monotonic() - start:.0f} s")
        place.run("-m", "pip", "check", "--disable-pip-version-check")
        demo = ["phantom-net", "phantom", "-o", "split=test", "-o", "n=600", "--out", "demo-output"]
        text = place.xrv("evaluate", *demo)
        assert "mean AUROC 0.9" in text, text
        assert (place.folder / "demo-output" / "report.html").stat().st_size > 10_000
        print(next(line for line in text.splitlines() if "mean AUROC" in line))
        script = place.folder / "kit.py"
        script.write_text(KIT)
        print(place.run(script).splitlines()[-1])


if __name__ == "__main__":
    main()
