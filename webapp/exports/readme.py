"""What a release says of itself to people: README, license, a script for a first look."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from django.conf import settings

from inference.formats.tree import Tree
from webapp.exports.citation import LICENSES, of_release
from webapp.exports.column import Column
from webapp.exports.models import Release
from webapp.exports.origin import iso

_README = """# {title}, release {number}

{description}

{n_rows:,} galaxies, as they were known on {at} (UTC). Made by {software}.

| file | what it is |
|---|---|
| `catalog.*` | one row a galaxy: the same rows as FITS, VOTable, Parquet, ECSV and CSV |
| `sample_1000.ecsv` | its first rows, with units and descriptions, to look at |
| `votes.*` | single votes, one row an answer, those that do not count too, with the reason |
| `columns.json` | every column: type, unit, UCD, description, range, and how unknown is written |
| `names.csv` | what Galaxy Zoo's own catalogs call the columns |
| `trees/` | every version of the decision tree that somebody answered |
| `models/` | the card of each network whose word is in the catalog, with the hash of its file |
| `first_look.py` | reads the catalog with astropy and pandas |
| `SHA256SUMS` | `sha256sum -c SHA256SUMS` says whether your copy is whole |

{left_out}An unknown fraction is NaN, never 0. In CSV, texts that a spreadsheet might run begin
with an apostrophe. Volunteers have pseudonyms, the same in all releases of this campaign.

To deposit it, for example at Zenodo, upload all files; `datacite.json` has the metadata.

## Cite it as

{citation}

## License

{license} ({license_url})
"""


def text(release: Release, left_out: Mapping[str, str]) -> str:
    """Return README.md.

    Args:
        left_out: formats that cannot hold a value of this catalog, and which one.
    """
    name, address = LICENSES[release.license]
    return _README.format(
        title=release.title,
        number=release.number,
        description=release.description or release.workflow.summary,
        n_rows=release.n_rows or 0,
        at=iso(release.snapshot_at or release.created_at),
        software=release.software,
        citation=of_release(release).sentence,
        license=name,
        license_url=address,
        left_out="".join(f"There is no {key} file. {why}\n\n" for key, why in left_out.items()),
    )


def license_text(release: Release) -> str:
    """Return LICENSE.txt: what is licensed and how, and the license itself where we carry it."""
    name, address = LICENSES[release.license]
    said = (
        f"{release.title}, release {release.number}, by {'; '.join(release.authors)}, is published "
        f"by {settings.SITE_NAME} under {name}.\n\n"
        f"SPDX-License-Identifier: {release.license}\n"
    )
    text = _LICENSE_TEXTS / f"{release.license}.txt"
    if not text.is_file():
        return f"{said}The text of the license is at {address}\n"
    return f"{said}The license is at {address} and follows.\n\n{text.read_text(encoding='utf-8')}"


# As their authors published them, without a change; both may be copied (they are under CC0).
_LICENSE_TEXTS = Path(__file__).parent / "licenses"


_FIRST_LOOK = '''"""A first look at the catalog: run it beside catalog.parquet and catalog.fits."""

import pandas as pd
from astropy.table import Table

galaxies = pd.read_parquet("catalog.parquet")
sure = galaxies[galaxies["{column}"] > 0.8]
print(f"{{len(sure)}} of {{len(galaxies)}} galaxies are {key} with p > 0.8.")

table = Table.read("catalog.fits")
print(f"Positions are in {{table['ra'].unit}}.")
assert len(table) == len(galaxies)
shown = ["source_id", "ra", "dec", "{column}", "{low}", "{high}"]
print(sure[shown].head(10).to_string(index=False))
'''


def first_look(tree: Tree, columns: Sequence[Column]) -> str:
    """Return a script that counts the galaxies that are surely the tree's first answer."""
    first = tree.questions[0].answers[0]
    names = {one.family: one.name for one in columns if one.answer == first.index and one.group}
    return _FIRST_LOOK.format(
        column=names["post"], low=names["post_lo"], high=names["post_hi"], key=first.key
    )
