"""Text for spreadsheets."""

import pytest

from webapp.common.cells import as_text


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@a", "\t=1", " =1", "\uff1d1+1", "|a", "%a", "\r\n=1", "\n"]
)
def test_what_a_spreadsheet_might_run_gets_an_apostrophe(cell):
    assert as_text(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "J1014+01", "a=1", "galaxy-1.png", "<b>"])
def test_other_text_stays(cell):
    assert as_text(cell) == cell
