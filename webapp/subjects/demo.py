"""The demo's galaxies: the deep field, through the same way as everybody's pictures."""

from collections.abc import Iterator, Sequence

from webapp.subjects import deepfield, ingest
from webapp.subjects.models import SubjectSet
from webapp.subjects.rows import Row, RowRefused
from webapp.subjects.source import told_apart


class DeepField:
    """The cutouts as a source of rows, and as the place where their pictures lie."""

    fingerprint = "deep field"

    def __init__(self) -> None:
        self._cutouts = {f"{cutout.survey_id}.png": cutout for cutout in deepfield.galaxies()}
        self.pictures = self
        self.notes = [deepfield.CREDIT]
        self.n_rows = len(self._cutouts)

    def names(self) -> Sequence[str]:
        """Return the names of the pictures, largest galaxy first."""
        return list(self._cutouts)

    def read(self, name: str) -> bytes:
        """Return a picture."""
        try:
            return self._cutouts[name].content
        except KeyError:
            raise RowRefused(f"There is no galaxy {name!r} in the deep field.") from None

    def rows(self) -> Iterator[Row]:
        """Yield a row for each galaxy; the picture has no sky coordinates, so none are made up."""
        return told_apart(
            Row(
                number,
                name,
                survey_id=cutout.survey_id,
                metadata={
                    "x_px": f"{cutout.x_px:.2f}",
                    "y_px": f"{cutout.y_px:.2f}",
                    "size_px": f"{cutout.size_px:.1f}",
                    "credit": deepfield.CREDIT,
                },
            )
            for number, (name, cutout) in enumerate(self._cutouts.items(), start=1)
        )


def load_deep_field(subject_set: SubjectSet) -> int:
    """Add the deep field's galaxies to a set; those that it has stay as they are.

    Returns:
        How many are new.
    """
    return ingest.add_subjects(subject_set=subject_set, source=DeepField())
