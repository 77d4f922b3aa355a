"""Judge a stranger's model file in a limited child process of its own.

`check_model(path)` says that a file follows the contract and does what its card says, or why not;
`check_content` does the same of bytes that are no file yet. Nothing of it is parsed here; what runs
in the child is checking.py.
"""

import hashlib
import importlib.util
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.formats.card import Card, CardRefused
from inference.formats.tree import Tree
from inference.vision.child import Child, ChildEnded, ChildTooSlow
from inference.vision.model_file import (
    MAX_MODEL_BYTES,
    CheckUnavailable,
    ModelRefused,
    name_of,
    read_model,
)

_CHILD = "inference.vision.checking"
_MAX_SENTENCE = 2000  # characters
_CLOCK = 2  # seconds by the clock for each of CPU time: the machine may have more to do
_SHOWN_KEYS = 8  # of the answers in which two trees differ


@dataclass(frozen=True)
class Checked:
    """What is known of a model file that was accepted.

    Attributes:
        n_bytes: of the file.
        provider: of ONNX Runtime, that it was tried on.
        outputs: their names, in the file's order.
        seconds: that the check took.
        limits: what the child was kept from, and whether this machine's kernel can.
    """

    sha256: str
    n_bytes: int
    card: Card
    provider: str
    outputs: tuple[str, ...]
    seconds: float
    limits: Mapping[str, bool]


def check_model(
    path: Path,
    *,
    tree: Tree | None = None,
    max_bytes: int = MAX_MODEL_BYTES,
    timeout_s: float = 60.0,
    memory_mb: int = 4000,
) -> Checked:
    """Return what a model file is, having run it in a process that can harm nobody.

    Args:
        tree: the tree that it must have all answers of, and no others. Texts, order, and what
            follows an answer may differ: answers are found by key.
        timeout_s: seconds of CPU that the child may use; by the clock it gets twice as many.
        memory_mb: address space of the child, of which the libraries take 300.

    Raises:
        ModelRefused: it is damaged, dangerous, too large, too slow, or not what it says.
        CheckUnavailable: this installation cannot check any.
    """
    content = read_model(path, max_bytes)
    return check_content(
        content, name_of(path), tree=tree, timeout_s=timeout_s, memory_mb=memory_mb
    )


def check_content(
    content: bytes,
    name: str,
    *,
    tree: Tree | None = None,
    timeout_s: float = 60.0,
    memory_mb: int = 4000,
) -> Checked:
    """Return what a model file with this content is; see `check_model`.

    Args:
        name: what refusals call it, as `model_file.name_of` gives it.

    Raises:
        ModelRefused: it is damaged, dangerous, too large, too slow, or not what it says.
        CheckUnavailable: this installation cannot check any.
    """
    started_at = time.monotonic()
    if importlib.util.find_spec("onnx") is None:
        raise CheckUnavailable(
            f"{name} cannot be checked, as the package onnx is not installed: install the extra "
            f"`check` (pip install 'onnx>=1.21')."
        )
    limits = f"it may use {memory_mb:,} MB of memory and {timeout_s:g} s of processor time"
    facts = _child_says(content, name, timeout_s, memory_mb, limits)
    try:
        card = Card.from_metadata(facts["metadata"])
        checked = Checked(
            sha256=hashlib.sha256(content).hexdigest(),
            n_bytes=len(content),
            card=card,
            provider=str(facts["provider"]),
            outputs=tuple(map(str, facts["outputs"])),
            seconds=time.monotonic() - started_at,
            limits={str(key): value is True for key, value in facts["limits"].items()},
        )
    except (CardRefused, LookupError, TypeError, AttributeError):
        raise _disturbed(name, "an answer without sense", limits) from None
    if tree is not None:
        _check_tree(card.tree, tree, name)
    return checked


def _child_says(
    content: bytes, name: str, timeout_s: float, memory_mb: int, limits: str
) -> dict[str, Any]:
    """Return the child's facts of a file it accepts; the child and its folder are gone after."""
    with tempfile.TemporaryDirectory(prefix="check-") as folder:
        Path(folder).chmod(0o500)
        try:
            child = Child(_CHILD, (str(memory_mb), str(timeout_s)), folder=folder)
        except RuntimeError as error:
            raise CheckUnavailable(f"{name} cannot be checked. {error}") from error
        try:
            child.send(content, {"name": name})
            facts, _ = child.reply(_CLOCK * timeout_s)
        except ChildTooSlow:
            raise _too_slow(name, f"{_CLOCK * timeout_s:g} s") from None
        except ChildEnded as ended:
            if str(ended) == "SIGXCPU":
                raise _too_slow(name, f"{timeout_s:g} s of processor time") from None
            raise _disturbed(name, str(ended), limits) from None
        except (ValueError, LookupError, TypeError, RecursionError):
            raise _disturbed(name, "an answer without sense", limits) from None
        finally:
            child.kill()
    if "out_of_memory" in facts:
        raise ModelRefused(
            f"{name} needs more than {memory_mb:,} MB of memory: export a smaller network, or one "
            f"without large constants."
        )
    if "refused" in facts:
        raise ModelRefused(_on_one_line(str(facts["refused"])))
    return facts


def _on_one_line(sentence: str) -> str:
    """Return a child's sentence as a log and a terminal can bear it."""
    return "".join(c if c.isprintable() else " " for c in sentence[:_MAX_SENTENCE])


def _too_slow(name: str, time_taken: str) -> ModelRefused:
    return ModelRefused(
        f"{name} took more than {time_taken} to check and was stopped: export a smaller network, "
        f"or check it again when the machine is idle."
    )


def _disturbed(name: str, how: str, limits: str) -> ModelRefused:
    return ModelRefused(
        f"{name} ended the process that checks it ({how}; {limits}): check it again, and if that "
        f"ends the same way, export it again."
    )


def answers_differ(found: Tree, expected: Tree) -> str:
    """Return in words how the answers of two trees differ, or "" if each has all of the other's.

    Answers are compared by key: texts, order, and what follows an answer may differ.
    """
    has, wants = ([tree.name(answer) for answer in tree.answers] for tree in (found, expected))
    kinds = {question.key: question.kind for question in found.questions}
    parts = {
        "it lacks": [answer for answer in wants if answer not in has],
        "it has besides": [answer for answer in has if answer not in wants],
        "it takes for another kind of choice": [
            question.key
            for question in expected.questions
            if kinds.get(question.key, question.kind) != question.kind
        ],
    }
    return "; ".join(f"{words} {_listed(keys)}" for words, keys in parts.items() if keys)


def _listed(keys: list[str]) -> str:
    rest = len(keys) - _SHOWN_KEYS
    return ", ".join(keys[:_SHOWN_KEYS]) + (f" and {rest} more" if rest > 0 else "")


def _check_tree(found: Tree, expected: Tree, name: str) -> None:
    """Raise ModelRefused naming the differences between two trees' answers."""
    if differences := answers_differ(found, expected):
        raise ModelRefused(
            f'{name} is about another tree than "{expected.key}" ({differences}): use a network '
            f"that was trained for this tree."
        )
