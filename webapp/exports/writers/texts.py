"""CSV and ECSV: text that people can read, and numbers that come back as they were."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv

from webapp.common.cells import as_text
from webapp.exports.writers.base import Format, Part, Writer
from webapp.exports.writers.yaml import table_yaml

# What may begin a formula, and what may look so to a spreadsheet; only these are looked at closer.
_MAY_RUN = r"^(?:[\s=+\-@|%]|[^\x00-\x7f])"
# What readers of ECSV take for the end of a line, or for blanks around a text.
_NOT_ECSV = r"[\x00\x0b-\x0d\x1c-\x1e\x{85}\x{2028}\x{2029}]|^\s|\s$"


class _TextWriter(Writer):
    """Writes rows with commas between them."""

    def begin(self) -> None:
        """Write the line of names."""
        self._schema = pa.schema([pa.field(name, pa.null()) for name in self.names])
        line = ",".join(f'"{name}"' if "," in name else name for name in self.names)
        self.file.write(f"{line}\n".encode())

    def add(self, part: Part) -> None:
        """Write rows."""
        arrays = [
            self.text(part.texts[place]) if place in part.texts else self.number(values)
            for place, values in enumerate(part.values)
        ]
        rows = pa.Table.from_arrays(arrays, names=self.names)
        options = pc_csv.WriteOptions(include_header=False, quoting_style="needed")
        pc_csv.write_csv(rows, self.file, write_options=options)

    def finish(self) -> None:
        """Nothing follows the rows."""

    def text(self, values: Any) -> Any:
        """Return texts as they are written."""
        return values

    def number(self, values: Any) -> Any:
        """Return numbers as they are written."""
        return pa.array(values)


class CsvWriter(_TextWriter):
    """Writes CSV by RFC 4180, with line feeds; unknown numbers are empty."""

    format = Format("csv", "CSV", ".csv", "text/csv")

    def text(self, values: Any) -> Any:
        """Return texts, those that a spreadsheet might run with an apostrophe before them."""
        if not self.formula_safe:
            return values
        risky = np.flatnonzero(pc.match_substring_regex(values, _MAY_RUN))
        if not len(risky):
            return values
        safe = values.to_pylist()
        for row in risky:
            safe[row] = as_text(safe[row])
        return pa.array(safe, pa.string())

    def number(self, values: Any) -> Any:
        """Return numbers, unknown ones as none."""
        if values.dtype.kind == "f":
            return pa.array(values, mask=np.isnan(values))
        return pa.array(values)


class EcsvWriter(_TextWriter):
    """Writes ECSV 1.0: a header in YAML, then CSV; unknown numbers are nan."""

    format = Format("ecsv", "ECSV", ".ecsv", "text/x-ecsv", _NOT_ECSV)

    def begin(self) -> None:
        """Write the header and the line of names."""
        lines = ["%ECSV 1.0", "---"]
        lines += table_yaml(self.columns, self.names, self.header, delimiter=",")
        self.file.write("".join(f"# {line}\n" for line in lines).encode())
        super().begin()
