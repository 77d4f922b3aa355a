"""Every icon that a tree or a page may name is drawn, in one hand."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "static" / "img"
SVG = "{http://www.w3.org/2000/svg}"

TREES = sorted((ROOT / "inference" / "formats" / "trees").glob("*.json"))


def symbols(name):
    """Return the symbols of a sprite by their ids."""
    root = ET.parse(IMAGES / name).getroot()
    found = root.findall(f"{SVG}symbol")
    by_id = {symbol.attrib["id"]: symbol for symbol in found}
    assert len(by_id) == len(found), f"{name} draws an id twice"
    return by_id


def names_in_templates(component):
    """Return the names that templates write out for components/icon.html or mark.html."""
    pattern = rf'"components/{component}\.html" with name="([\w-]+)"'
    if component == "icon":
        pattern += r'|\bicon="([\w-]+)"'
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "templates").rglob("*.html")]
    return {match[match.lastindex] for text in texts for match in re.finditer(pattern, text)}


def icons_of(tree):
    """Return the icon that each answer of a tree file names, in their order."""
    questions = json.loads(tree.read_text(encoding="utf-8"))["questions"]
    return [answer["icon"] for question in questions for answer in question["answers"]]


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.stem)
def test_every_answer_of_a_built_in_tree_has_its_icon(tree):
    named = icons_of(tree)
    assert named
    assert set(named) - symbols("answers.svg").keys() == set()
    assert len(set(named)) == len(named)


def test_the_built_in_trees_are_found():
    assert len(TREES) >= 3


@pytest.mark.parametrize(
    ("sprite", "box"),
    [("answers.svg", "0 0 40 40"), ("marks.svg", "0 0 24 24"), ("tools.svg", "0 0 24 24")],
)
def test_all_are_drawn_on_one_square(sprite, box):
    assert {symbol.get("viewBox") for symbol in symbols(sprite).values()} == {box}


@pytest.mark.parametrize("sprite", ["answers.svg", "marks.svg", "tools.svg"])
def test_one_stroke_width_and_the_color_of_the_text(sprite):
    root = ET.parse(IMAGES / sprite).getroot()
    assert (root.get("stroke-width"), root.get("stroke"), root.get("fill")) == (
        "2",
        "currentColor",
        "none",
    )
    inner = [element for element in root.iter() if element is not root]
    assert [element.get("stroke-width") for element in inner if element.get("stroke-width")] == []
    assert {element.get("stroke") for element in inner} <= {None, "none"}
    assert {element.get("fill") for element in inner} <= {None, "currentColor"}


def test_no_two_answers_look_the_same():
    drawings = [
        tuple(tuple(sorted(shape.attrib.items())) for shape in symbol.iter() if shape is not symbol)
        for symbol in symbols("answers.svg").values()
    ]
    assert len(set(drawings)) == len(drawings)


@pytest.mark.parametrize("path", sorted(IMAGES.glob("*.svg")), ids=lambda path: path.name)
def test_pictures_carry_no_script_style_or_address(path):
    text = path.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"<script|<style|style=|\son\w+=|https?:|<foreignObject|<image", text)


def test_templates_name_only_what_is_drawn():
    assert names_in_templates("icon") <= symbols("answers.svg").keys()
    assert names_in_templates("mark") <= symbols("marks.svg").keys()
    assert {"passed", "failed", "person"} <= names_in_templates("mark")


def test_every_tool_of_the_picture_is_drawn_and_used():
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "templates").rglob("*.html")]
    named = {name for text in texts for name in re.findall(r'\{% tool "([\w-]+)"', text)}
    assert named == symbols("tools.svg").keys()
