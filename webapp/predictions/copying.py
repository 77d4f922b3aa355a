"""Predictions as PostgreSQL's COPY takes them, in its binary format; no database here.

A thousand rows of 37 answers and 128 numbers are a single array operation, where text would take
a tenth of the time that the network needs.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_FLOAT4 = 700  # the number of the type in PostgreSQL's catalog


def payload(
    subject_ids: NDArray[np.int64],
    concentrations: NDArray[np.floating],
    ignorance: NDArray[np.floating],
    embedding: NDArray[np.floating],
) -> bytes:
    """Return rows (bigint, real[], real, halfvec) for COPY ... (FORMAT BINARY).

    Args:
        subject_ids: (n,); concentrations (n, K); ignorance (n,); embedding (n, D).
    """
    k, d = concentrations.shape[1], embedding.shape[1]
    rows = np.zeros(len(subject_ids), _row(k, d))
    rows["n_fields"] = 4
    rows["id_bytes"], rows["id"] = 8, subject_ids
    rows["array_bytes"] = 20 + 8 * k
    rows["array_dims"], rows["array_type"] = 1, _FLOAT4
    rows["array_length"], rows["array_first"] = k, 1
    rows["array"]["bytes"], rows["array"]["value"] = 4, concentrations
    rows["ignorance_bytes"], rows["ignorance"] = 4, ignorance
    rows["vector_bytes"], rows["vector_length"] = 4 + 2 * d, d
    rows["vector"] = embedding
    return _HEADER + rows.tobytes() + _TRAILER


def _row(k: int, d: int) -> np.dtype[Any]:
    """Return the layout of one row; lengths come before values, all are big-endian."""
    item = np.dtype([("bytes", ">i4"), ("value", ">f4")])
    return np.dtype(
        [
            ("n_fields", ">i2"),
            ("id_bytes", ">i4"),
            ("id", ">i8"),
            ("array_bytes", ">i4"),
            ("array_dims", ">i4"),
            ("array_nulls", ">i4"),
            ("array_type", ">i4"),
            ("array_length", ">i4"),
            ("array_first", ">i4"),
            ("array", item, (k,)),
            ("ignorance_bytes", ">i4"),
            ("ignorance", ">f4"),
            ("vector_bytes", ">i4"),
            ("vector_length", ">i2"),
            ("vector_unused", ">i2"),
            ("vector", ">f2", (d,)),
        ]
    )
