"""Run crowd-kit's Dawid-Skene on a file of answers; for the interpreter that has crowd-kit.

    python crowd_kit.py answers.npz found.npz tolerance runs

answers.npz holds task, worker and label of each answer; found.npz gets the label and the rounds of
each task set, and seconds of every run.
"""

import sys
import time

import numpy as np
import pandas as pd
from crowdkit.aggregation import DawidSkene


def main(answers: str, out: str, tolerance: str, runs: str) -> None:
    """Label the tasks as often as asked and keep the times."""
    with np.load(answers) as file:
        frame = pd.DataFrame({name: file[name] for name in ("task", "worker", "label")})
    seconds = []
    for _ in range(int(runs)):
        start = time.perf_counter()
        model = DawidSkene(n_iter=100, tol=float(tolerance)).fit(frame)
        seconds.append(time.perf_counter() - start)
    labels = model.labels_.sort_index()
    np.savez(out, task=labels.index, label=labels, seconds=seconds, rounds=len(model.loss_history_))


if __name__ == "__main__":
    main(*sys.argv[1:])
