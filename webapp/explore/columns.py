"""The columns that pages know of a catalog: stored, computed from those, or derived."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Self

import numpy as np
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from numpy.typing import NDArray

from inference.formats.tree import Tree
from webapp.explore.stored import COMPUTED, Recipe, is_stored
from webapp.exports.columns import Column, Kind, catalog_columns, computed
from webapp.exports.derived import Derived, derived_columns
from webapp.exports.evidence import Evidence


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of one catalog.

    Attributes:
        catalog: those of its files.
        derived: made of them, for filters and order alone.
        stored: those of an edition.
        recipes: how each of the others is made, by name.
    """

    catalog: tuple[Column, ...]
    derived: tuple[Derived, ...]
    stored: tuple[Column, ...]
    recipes: Mapping[str, Recipe]
    by_name: Mapping[str, Column]

    @classmethod
    def of(cls, tree: Tree, metadata: Mapping[str, Kind], *, debiased: bool = False) -> Self:
        """Return those of the catalog of a tree."""
        catalog = catalog_columns(tree, metadata, debiased=debiased)
        derived = derived_columns(catalog)
        stored = [one for one in catalog if one.family not in COMPUTED]
        stored += [one.column for one in derived if is_stored(one)]
        by_place = {
            (one.family, one.question if one.answer is None else one.answer): one.name
            for one in catalog
        }
        recipes = {
            one.name: Recipe.of(one, by_place) for one in catalog if one.family in COMPUTED
        } | {
            one.column.name: Recipe(one.needs, "derived", one)
            for one in derived
            if not is_stored(one)
        }
        every = (*catalog, *(one.column for one in derived))
        return cls(catalog, derived, tuple(stored), recipes, {one.name: one for one in every})

    @cached_property
    def public(self) -> "Columns":
        """Those without what the survey says, which may be hidden from volunteers."""
        catalog = tuple(one for one in self.catalog if one.group != "metadata")
        by_name = {name: one for name, one in self.by_name.items() if one.group != "metadata"}
        return replace(self, catalog=catalog, by_name=by_name)

    @property
    def all(self) -> tuple[Column, ...]:
        """Every column that can be filtered, sorted and shown."""
        return tuple(self.by_name.values())

    @cached_property
    def options(self) -> SafeString:
        """The columns as choices of a form; a template would take long over hundreds of them."""
        pairs = ((one.name, one.description) for one in self.all)
        return format_html_join("", '<option value="{}">{}</option>', pairs)

    def stored_values(
        self, evidence: Evidence, debiased: NDArray[np.float32] | None = None
    ) -> dict[str, NDArray[Any]]:
        """Return what an edition stores of some galaxies.

        Args:
            debiased: their fractions corrected for redshift, (N, K).
        """
        made = [one for one in self.derived if is_stored(one)]
        needed = {name for one in made for name in one.needs}
        needed |= {one.name for one in self.stored}
        chosen = [one for one in self.catalog if one.name in needed]
        table = computed(evidence, chosen, debiased=debiased)
        return table | {one.column.name: one.values(table) for one in made}


@lru_cache(maxsize=32)
def columns_of(
    tree: Tree, metadata: tuple[tuple[str, str], ...], *, debiased: bool = False
) -> Columns:
    """Return the columns of a catalog from this process's memory."""
    return Columns.of(tree, {name: Kind(kind) for name, kind in metadata}, debiased=debiased)
