"""Extract and reduce classifications with panoptes_aggregation; for the interpreter that has it.

    python panoptes_reduce.py classifications.json reductions.json

classifications.json holds {"tasks": [...], "rows": [[id, user, subject, [[task, answer], ...]]]};
reductions.json gets {"seconds": ..., "tallies": {subject: {task: {answer: votes}}}}.
"""

import json
import sys
import time
from collections import defaultdict
from pathlib import Path

from panoptes_aggregation.extractors.question_extractor import question_extractor
from panoptes_aggregation.extractors.utilities import annotation_by_task
from panoptes_aggregation.reducers.question_reducer import question_reducer


def main(given: str, out: str) -> None:
    """Time what its offline commands do for each classification and each subject."""
    rows = json.loads(Path(given).read_text(encoding="ascii"))["rows"]
    start = time.perf_counter()
    extracts: dict[tuple[int, str], list[tuple[int, dict[str, int]]]] = defaultdict(list)
    for number, user, subject, answers in rows:
        annotations = [{"task": task, "value": value} for task, value in answers]
        for task, _ in answers:  # an extractor changes what it is given
            told = {"id": number, "metadata": {}, "annotations": annotations}
            found = question_extractor(annotation_by_task(told), task=task)
            extracts[subject, task].append((user, found))
    tallies: dict[int, dict[str, dict[str, int]]] = defaultdict(dict)
    for (subject, task), found in extracts.items():
        users = [user for user, _ in found]
        reduced = question_reducer(
            [extract for _, extract in found],
            user_id=users,
            relevant_reduction=[],
            created_at=["2026-01-01 00:00:00 UTC"] * len(found),
        )
        tallies[subject][task] = {
            key: value for key, value in reduced.items() if key != "aggregation_version"
        }
    seconds = time.perf_counter() - start
    Path(out).write_text(json.dumps({"seconds": seconds, "tallies": tallies}), encoding="ascii")


if __name__ == "__main__":
    main(*sys.argv[1:])
