"""Cards: what people read about a dataset or a model."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from click.testing import CliRunner
from messages import says

import xrv_core
from xrv_core.cli import main
from xrv_core.errors import UnknownName


def shown(*arguments: str, columns: int = 80) -> str:
    done = CliRunner().invoke(main, ["show", *arguments], env={"COLUMNS": str(columns)})
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("name", ["all", "nih", "phantom-net", "phantom-ae", "hannover"])
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal_but_one_long_word(name: str, columns: int) -> None:
    wide = [line for line in shown(name, columns=columns).splitlines() if len(line) > columns]
    assert all(len(line.split()[-1]) > columns - 20 for line in wide), wide


def test_a_model_card_tells_all_that_the_issue_of_trust_needs() -> None:
    card = xrv_core.model_card("densenet121-res224-all")
    assert card.startswith("# densenet121-res224-all\n\n**Not for medical use.** Trained on NIH, ")
    for line in (
        "- **network**: densenet121",
        "- **parameters**: 6,966,034",
        "- **input**: 224 x 224 pixels",
        "- **output**: a probability for each, by itself (sigmoid)",
        "- **trained on**: nih, padchest, chexpert, mimic, nih-google, openi, rsna",
        "| label | operating point |",
        "| Atelectasis | 0.07423 |",
        "## Published output for 16747_3_1.jpg, resized to 224 "
        "(README.md and scripts/README.md of TorchXRayVision, process_image.py -resize)",
        "| Atelectasis | 0.327973 |",
    ):
        assert line in card.splitlines()
    assert re.search(r"- \*\*file\*\*: torchxrayvision/\S+\.pt  \[not fetched\]", card)
    assert shown("--markdown", "densenet121-res224-all") == card


def test_reported_numbers_and_a_unit() -> None:
    spec = replace(
        xrv_core.describe_classifier("phantom-net"),
        name="toy",
        op_threshs=(),
        activation="identity",
        unit="years",
        reported={"MAE on a set": {"Age": 3.5}},
    )
    with xrv_core.register(spec):
        card, text = xrv_core.model_card("toy"), shown("toy")
    assert "- **output**: numbers in years\n" in card
    assert card[card.index("## Reported") :].startswith(
        "## Reported: MAE on a set\n\n| label | value |\n| --- | --- |\n| Age | 3.5 |\n"
    )
    assert re.search(r"Reported: MAE on a set\n +label +value\n +Age +3\.5\n", text)
    assert "labels            Atelectasis, " in text, "without operating points they are a plain list"


def test_only_models_have_a_model_card() -> None:
    with pytest.raises(UnknownName, match=says("'hannover'", "`xrv list`")):
        xrv_core.model_card("hannover")
