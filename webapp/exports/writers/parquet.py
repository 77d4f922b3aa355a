"""Parquet: no nulls, and a footer that says in two languages what the columns are."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from webapp.exports.column import Kind
from webapp.exports.writers.base import Format, Part, Writer
from webapp.exports.writers.votable_head import document
from webapp.exports.writers.yaml import table_yaml

_ROWS = 20_000  # of a row group: small ones are slow to read, large ones need memory
_TYPES: Mapping[Kind, Any] = {
    Kind.TEXT: pa.string(),
    Kind.INSTANT: pa.string(),
    Kind.INT64: pa.int64(),
    Kind.INT32: pa.int32(),
    Kind.INT16: pa.int16(),
    Kind.FLOAT64: pa.float64(),
    Kind.FLOAT32: pa.float32(),
}


class ParquetWriter(Writer):
    """Writes Parquet."""

    format = Format("parquet", "Parquet", ".parquet", "application/vnd.apache.parquet")

    def begin(self) -> None:
        """Open the file."""
        self._schema = pa.schema(
            [
                pa.field(name, _TYPES[column.kind], nullable=False)
                for name, column in zip(self.names, self.columns, strict=True)
            ]
        )
        repeated = [
            name
            for name, column in zip(self.names, self.columns, strict=True)
            if column.kind.is_text or column.family in _REPEATED
        ]
        self._parquet = pq.ParquetWriter(
            self.file,
            self._schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=repeated,
            store_schema=False,  # it would hide what is added to the footer at the end
        )
        self._waiting: list[Any] = []
        self._n_waiting = 0
        self._widths = {
            place: 1 for place, column in enumerate(self.columns) if column.kind.is_text
        }

    def add(self, part: Part) -> None:
        """Keep rows until they fill a row group, which does not depend on how they come."""
        arrays = [
            part.texts[place] if place in part.texts else pa.array(values)
            for place, values in enumerate(part.values)
        ]
        for place, texts in part.texts.items():
            longest = pc.max(pc.utf8_length(texts)).as_py()
            self._widths[place] = max(self._widths[place], longest)
        rows = pa.Table.from_arrays(arrays, schema=self._schema)
        while rows.num_rows:
            some = rows.slice(0, _ROWS - self._n_waiting)
            self._waiting.append(some)
            self._n_waiting += some.num_rows
            rows = rows.slice(some.num_rows)
            if self._n_waiting == _ROWS:
                self._flush()

    def finish(self) -> None:
        """Write the last rows and the footer."""
        if self._waiting or not self.n_rows:
            self._flush()
        self._parquet.add_key_value_metadata(self._about())
        self._parquet.close()

    def abandon(self) -> None:
        """Let go of the file."""
        self._parquet.close()

    def _flush(self) -> None:
        rows = pa.concat_tables(self._waiting) if self._waiting else self._schema.empty_table()
        self._parquet.write_table(rows)
        self._waiting.clear()
        self._n_waiting = 0

    def _about(self) -> dict[str, str]:
        head = document(
            self.columns, self.names, self.header, n_rows=self.n_rows, widths=self._widths
        )
        return {
            "IVOA.VOTable-Parquet.version": "1.0",
            "IVOA.VOTable-Parquet.content": head,
            "table_meta_yaml": "\n".join(table_yaml(self.columns, self.names, self.header)),
            **{f"table::len::{self.names[place]}": str(n) for place, n in self._widths.items()},
        }


_REPEATED = ("votes", "n_votes", "frac", "frac_lo", "frac_hi", "agree", "quality", "n_flags")
