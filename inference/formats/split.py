"""Which galaxies a network learns from and which judge it: by hash, so the same for ever.

A new galaxy never moves an old one, a second catalog of the same sky falls into the same parts,
and the site and the training agree without a word.
"""

import hashlib

TEST, CALIBRATION, VALIDATION, TRAIN = "test", "calibration", "validation", "train"

# Of 1; the rest is trained on.
_UPPER = {TEST: 0.15, CALIBRATION: 0.25, VALIDATION: 0.35}


def split_of(group: str) -> str:
    """Return the part a group of galaxies falls into: 15 % test, 10 % calibration and validation.

    Args:
        group: what must stay together, such as a survey id or a patch of sky.
    """
    place = _hash(f"split:{group}") / 2**64
    return next((split for split, upper in _UPPER.items() if place < upper), TRAIN)


def fold_of(group: str, n_folds: int) -> int:
    """Return which of n_folds parts of about the same size a group falls into."""
    return _hash(f"fold:{group}") % n_folds


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")
