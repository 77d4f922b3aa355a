"""A network made up for tests: what it answers rests on the light of one known patch."""

import numpy as np

from inference.formats.card import Card, InputSpec, Masks
from inference.formats.golden import Golden
from inference.formats.tree import Tree

SIZE_PX = 64
PATCH = (slice(8, 24), slice(40, 56))  # off the center, so that center-first does not find it

TREE = Tree.parse(
    {
        "format": 1,
        "key": "tiny",
        "title": "Tiny",
        "questions": [
            {
                "key": "shape",
                "text": "Which shape?",
                "kind": "single",
                "answers": [
                    {"key": "smooth", "label": "Smooth", "next": "odd"},
                    {"key": "featured", "label": "Featured", "next": "odd"},
                ],
            },
            {
                "key": "odd",
                "text": "Anything odd?",
                "kind": "multiple",
                "next": None,
                "answers": [{"key": "ring", "label": "Ring"}, {"key": "dust", "label": "Dust"}],
            },
        ],
    }
)


def made_stamp(*, patch=PATCH):
    """A dark sky with a bright galaxy in the center and a bright spot in the patch."""
    sky = np.random.default_rng(1).normal(20, 3, (SIZE_PX, SIZE_PX, 3)).clip(0, 60)
    sky[26:38, 26:38] += 150
    sky[patch] += 120
    return sky.astype(np.uint8)


class PatchNetwork:
    """Says "featured" and "ring" as the patch is brighter; with a constant, never anything else."""

    def __init__(self, *, patch=PATCH, constant=False, cam_exact=True):
        self.card = Card(
            model_id="patch",
            created_at="2026-01-01T00:00:00Z",
            tree=TREE,
            input=InputSpec(SIZE_PX),
            alpha_form="any",
            masks=Masks(samples=2, dropout=0.5, seed=1),
            golden=Golden(seed=1, alpha=()),
            cam_exact=cam_exact,
        )
        self.patch, self.constant = patch, constant
        self.batches = []

    def run(self, images, outputs=("alpha",)):
        assert images.dtype == np.uint8
        self.batches.append(len(images))
        n = len(images)
        light = np.zeros((n, SIZE_PX, SIZE_PX))
        if not self.constant:
            light[:, *self.patch] = images[:, *self.patch].mean(axis=-1) / 255
        seen = light[:, *self.patch].mean(axis=(1, 2))
        alpha = np.ones((n, 4), np.float32)
        alpha[:, 1] += 20 * seen
        alpha[:, 2] += 20 * seen
        cam = np.zeros((n, 4, 8, 8), np.float32)
        cam[:, 1] = cam[:, 2] = light.reshape(n, 8, 8, 8, 8).mean(axis=(2, 4))
        return {name: {"alpha": alpha, "cam": cam}[name] for name in outputs}
