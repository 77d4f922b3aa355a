"""Galaxies drawn by a few lines of NumPy, with votes that follow from how they were drawn."""

from typing import Any

import numpy as np

from inference.formats.catalog import Catalog
from inference.formats.tree import Tree, load_built_in


def tree() -> Tree:
    """Smooth, featured or artifact; then edge-on or not of the featured ones."""
    return Tree.parse(
        {
            "format": 1,
            "key": "two-steps",
            "title": "Two steps",
            "questions": [
                {
                    "key": "shape",
                    "text": "Smooth?",
                    "kind": "single",
                    "answers": [
                        {"key": "smooth", "label": "Smooth", "next": None},
                        {"key": "featured", "label": "Featured", "next": "edge-on"},
                        {"key": "artifact", "label": "Bad", "artifact": True, "next": None},
                    ],
                },
                {
                    "key": "edge-on",
                    "text": "Edge-on?",
                    "kind": "single",
                    "answers": [
                        {"key": "yes", "label": "Yes", "next": None},
                        {"key": "no", "label": "No", "next": None},
                    ],
                },
            ],
        }
    )


def galaxies(n: int, size_px: int = 32, seed: int = 0, people: int = 20):
    """Return a catalog and pictures uint8 (n, S, S, 3): round glows, thin disks, and noise."""
    random = np.random.default_rng(seed)
    kind = random.integers(0, 3, n)  # 0 smooth, 1 thin disk, 2 nothing but noise
    images = np.stack([_drawn(k, size_px, random) for k in kind])
    votes = np.zeros((n, 5), np.float32)
    for row, k in enumerate(kind):
        shares = np.full(3, 0.05)
        shares[k] = 0.9
        votes[row, :3] = random.multinomial(people, shares)
        featured = int(votes[row, 1])
        edge_on = random.binomial(featured, 0.9 if k == 1 else 0.3)
        votes[row, 3:] = edge_on, featured - edge_on
    return catalog(votes), images


def catalog(votes: np.ndarray, made_for: Tree | None = None, **fields) -> Catalog:
    """Return a catalog of votes (n, K)."""
    made_for = made_for or tree()
    n = len(votes)
    ids = tuple(f"G{number}" for number in range(n))
    asked = [votes[:, q.span.start : q.span.stop].sum(axis=1) for q in made_for.questions]
    given: dict[str, Any] = {
        "tree": made_for,
        "subject_ids": ids,
        "groups": ids,
        "pictures": tuple(f"{name}.jpg" for name in ids),
        "picture_sha256s": ("",) * n,
        "votes": votes.astype(np.float32),
        "asked": np.stack(asked, axis=1).astype(np.float32),
        "nominal": np.zeros(n, np.bool_),
        "aux_names": (),
        "aux": np.zeros((n, 0), np.float32),
    }
    return Catalog(**(given | fields))


def _drawn(kind: int, size_px: int, random: np.random.Generator) -> np.ndarray:
    step = np.arange(size_px) - (size_px - 1) / 2
    angle = random.uniform(0, np.pi)
    along = step[None, :] * np.cos(angle) + step[:, None] * np.sin(angle)
    across = -step[None, :] * np.sin(angle) + step[:, None] * np.cos(angle)
    thin = {0: 1.0, 1: 5.0, 2: 1.0}[kind]
    radius = np.hypot(along, thin * across) / (size_px / 6)
    light = np.exp(-radius) * 200 * (kind != 2)
    noise = random.normal(0, 12 if kind == 2 else 6, (size_px, size_px, 3))
    return np.clip(light[..., None] + 20 + noise, 0, 255).astype(np.uint8)


__all__ = ["catalog", "galaxies", "load_built_in", "tree"]
