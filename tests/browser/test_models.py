"""An administrator registers a model file, promotes it and goes back, in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.site import SLUG
from tests.inference.models import tiny_model

pytestmark = pytest.mark.browser
PLACE = f"/manage/campaigns/{SLUG}/models/"
POINTER = """
    SELECT name, version FROM registry_activemodel
    JOIN registry_modelversion model ON model.id = model_id
"""
ROOM = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_file_is_registered_promoted_and_rolled_back(windows, site, tmp_path, size, has_script):
    name = f"vera-{size['width']}-{'script' if has_script else 'plain'}"
    vera = windows.volunteer(size, java_script_enabled=has_script)
    vera.sign_up(name)
    site.manage("set_role", name, "admin")
    seed = size["width"] + has_script  # another file each time
    broken, sound = tmp_path / "broken.onnx", tiny_model(tmp_path, tree="galaxy-zoo-2", seed=seed)
    broken.write_bytes(sound.read_bytes()[:-1000])
    page = vera.page
    ((starter, version),) = site.rows(POINTER)

    page.goto(PLACE)
    expect(page.locator("#active strong")).to_have_text(starter)
    page.get_by_role("link", name="Register a model file").click()
    for file, words in [
        (broken, "broken.onnx is no ONNX model"),
        (sound, "Checked and registered"),
    ]:
        page.get_by_label("Model file").set_input_files(file)
        page.get_by_role("button", name="Check and register").click()
        expect(page.get_by_text(words)).to_be_visible(timeout=60_000)
    assert page.evaluate(ROOM)

    page.get_by_label("Why").fill("To see it move.")
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_text("Promoted: the campaign uses it from now on.")).to_be_visible()
    assert site.rows(POINTER) == [(f"tiny-{seed}", version + 1)]

    page.goto(PLACE)
    assert page.evaluate(ROOM)
    page.get_by_role("button", name=f"Roll back to {starter}").click()
    expect(page.locator("#active strong")).to_have_text(starter)
    assert site.rows(POINTER) == [(starter, version + 2)]
