"""Every instrument shipped obeys every rule."""

import pytest

from instruments.catalog import SHIPPED, find_folders, get_instrument, list_instruments
from instruments.checks import check_instrument
from instruments.model import ITEMS_PER_PAGE

FOLDERS = find_folders(SHIPPED)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_a_shipped_instrument_has_no_problem(folder):
    assert [str(problem) for problem in check_instrument(folder)] == []


def test_there_is_something_shipped():
    assert FOLDERS


def test_what_is_listed_can_be_had_and_every_page_is_short():
    for listed in list_instruments():
        instrument = get_instrument(listed.id, listed.version, digest=listed.digests.whole)
        for form in instrument.forms:
            pages = instrument.form(form.wave, form.role).pages
            assert all(0 < len(page.items) <= ITEMS_PER_PAGE for page in pages)
            assert len({page.id for page in pages}) == len(pages)
