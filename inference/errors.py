"""What this package refuses, each with a sentence for the person who sent it."""

__all__ = ["InferenceError", "PathRefused", "RuleRefused", "SkillRefused", "TreeRefused", "shown"]

_SHOWN_CHARACTERS = 60


class InferenceError(Exception):
    """Something that a person sent or stored cannot be used; the text says what to do."""


class TreeRefused(InferenceError):
    """A decision tree that cannot be published."""


class PathRefused(InferenceError):
    """A sequence of answers that is no walk through the tree."""


class RuleRefused(InferenceError):
    """A retirement rule that cannot be followed."""


def shown(value: object) -> str:
    """Return a value as a message may quote it: escaped, on one line, cut at 60 characters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer beyond Python's digit limit, a nest of lists
        text = f"a very large {type(value).__name__}"
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


class SkillRefused(InferenceError):
    """Answers or gold that nobody's skill can be learned from."""


class EvidenceRefused(InferenceError):
    """Numbers that are no votes and no concentrations, or those of another tree."""
