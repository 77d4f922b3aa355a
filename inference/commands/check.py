"""`check FILE`: judge a stranger's model file in a process that can harm nobody."""

from pathlib import Path

from inference.errors import TreeRefused
from inference.formats.tree import Tree
from inference.vision.check import check_model


def run(model: Path, tree: Path | None) -> int:
    """Say what the file is, or raise with the sentence that says why it is refused."""
    expected = None if tree is None else _read_tree(tree)
    checked = check_model(model, tree=expected)
    card = checked.card
    held = [name for name, holds in checked.limits.items() if holds]
    missing = [name for name, holds in checked.limits.items() if not holds]
    lines = [
        f"{model.name}: accepted in {checked.seconds:.1f} s.",
        f"  model     {card.model_id}, {card.created_at[:10]}, {card.precision}",
        f"  SHA-256   {checked.sha256}",
        f"  size      {checked.n_bytes:,} bytes",
        f"  tree      {card.tree.key}, {card.tree.n_answers} answers, {card.tree.sha256[:12]}",
        f"  input     {card.input.size_px} px, the central {card.input.crop:.0%}",
        f"  outputs   {', '.join(checked.outputs)}",
        f"  tried     on {checked.provider}; limits that held: {', '.join(held)}",
    ]
    if missing:
        lines.append(f"  beware    this machine has no such limit: {', '.join(missing)}")
    print("\n".join(lines))  # noqa: T201 -- this is a command
    return 0


def _read_tree(path: Path) -> Tree:
    try:
        return Tree.parse(path.read_bytes())
    except OSError as error:
        raise TreeRefused(
            f"The tree {path} cannot be read ({error.strerror}): name a JSON file."
        ) from None
