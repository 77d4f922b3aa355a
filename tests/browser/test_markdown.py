"""What an owner may write into a text does nothing in a real browser."""

import pytest

from tests.browser.site import SLUG
from tests.webapp.common.payloads import PAYLOADS

pytestmark = pytest.mark.browser
EVERY = 12  # of more than 400: each family has some, and each is a page to load
DOES_SOMETHING = "script, svg, math, img, iframe, object, embed, form, style, [style], [hx-get]"


def test_payloads_run_nothing_fetch_nothing_and_no_report_comes(windows, site):
    """That nothing foreign is asked for and no report arrives, the windows check at their end."""
    page = windows.open()
    page.on("dialog", lambda dialog: windows.complaints.append(dialog.message))
    ((before,),) = site.rows("SELECT text FROM workflows_workflow WHERE slug = %s", [SLUG])
    try:
        for payload in PAYLOADS[::EVERY]:
            write(site, payload.replace("\0", ""))
            page.goto(f"/c/{SLUG}/")
            text = page.locator(".prose")
            assert text.count() == 1, payload
            assert text.locator(DOES_SOMETHING).count() == 0, payload
    finally:
        write(site, before)


def write(site, text):
    site.rows("UPDATE workflows_workflow SET text = %s WHERE slug = %s RETURNING 1", [text, SLUG])
