"""`explain FILE PICTURE --answer KEY --out map.png`: what in a picture an answer rests on."""

from pathlib import Path

from inference.errors import InferenceError, shown
from inference.formats.atomic import whole_file
from inference.vision.explain import explain
from inference.vision.heatmap import render
from inference.vision.preprocess import read_stamp
from inference.vision.session import Session


class UnknownAnswer(InferenceError):
    """An answer that the model's tree does not have."""


def run(  # noqa: PLR0917 - named by the command line
    model: Path, picture: Path, answer: str, out: Path, method: str, gpu: str, threads: int
) -> int:
    """Draw the map, and say whether it is better than one drawn at random."""
    session = Session.open(model, gpu=gpu, threads=threads)
    tree = session.card.tree
    try:
        asked = tree.answer(answer)
    except KeyError:
        known = ", ".join(tree.name(a) for a in tree.answers)
        raise UnknownAnswer(
            f"The tree {tree.key} has no answer {shown(answer)}. Use one of: {known}."
        ) from None
    stamp = read_stamp(picture, session.card.input)
    found = explain(session, stamp, asked, method=method)
    with whole_file(out) as file:
        file.write(render(stamp, found))
    print(f"{out}: {found.deletion.verdict}")  # noqa: T201 -- this is a command
    return 0
