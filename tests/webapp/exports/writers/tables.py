"""Small tables with everything in them that files lose."""

import numpy as np

from webapp.exports.column import Column, Kind
from webapp.exports.writers import Header, open_writer

HEADER = Header(
    title="A survey's <galaxies> & more",
    date="2026-11-26T10:00:00Z",
    software="Tuning Fork 0.1.0",
    release="dr1",
    doi="10.5281/zenodo.1",
    citation="The Tuning Fork developers 2026, " + "a long title " * 8,
    publisher="An institute",
    reference_url="https://example.org/releases/1/",
    rights="CC-BY-4.0",
    contact="the owners of the campaign",
)
COLUMNS = (
    Column("source_id", Kind.INT64, "A number beyond 2^53.", ucd="meta.id;meta.main",
           display="I19"),
    Column("name", Kind.TEXT, "A name.", ucd="meta.id", display="A24", gz_name="id_str"),
    Column("ra", Kind.FLOAT64, "Right ascension, ICRS.", unit="deg", ucd="pos.eq.ra;meta.main",
           null="NaN where it is not known", display="F11.7"),
    Column("share", Kind.FLOAT32, 'Share of "quotes" & <tags> in the 95 % interval, at length so '
           "that it does not fit into a single card of a header.", display="F8.5",
           gz_name="bar-dr5_strong_fraction"),
    Column("n", Kind.INT32, "A number.", display="I8"),
    Column("flag", Kind.INT16, "Yes, no or unknown.", display="I2"),
    Column("at", Kind.INSTANT, "When.", display="A27"),
)  # fmt: skip


def table(size=5, **more):
    """Return so many rows that mean no harm, with some columns replaced."""
    values = {
        "source_id": np.arange(9007199254740993, 9007199254740993 + size),
        "name": np.array([f"J{number:04}" for number in range(size)], object),
        "ra": np.linspace(0, 359, size),
        "share": np.linspace(0, 1, size, dtype=np.float32),
        "n": np.arange(size, dtype=np.int32),
        "flag": np.resize(np.array([0, 1, -1], np.int16), size),
        "at": np.resize(np.array(["2026-11-26T10:00:00.000000Z", ""], object), size),
    }
    return values | more


def write(format_, path, values, columns=COLUMNS, *, part=None, **options):
    """Write a table in parts of so many rows, or as a whole."""
    n = len(values[columns[0].name])
    with open_writer(format_, path, columns, HEADER, n, **options) as writer:
        for start in range(0, n, part or max(n, 1)):
            rows = slice(start, start + (part or n))
            writer.write({name: column[rows] for name, column in values.items()})
    return path
