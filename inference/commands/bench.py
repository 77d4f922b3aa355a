"""`bench FILE…`: pictures a second by model, batch and provider, and from files to a result."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from inference.commands.predict import picture_files, predictions_of
from inference.vision.predict import predict
from inference.vision.session import ALPHA, SCORING, Session

_BATCHES = (1, 8, 32, 128, 512)


def run(model: list[Path], pictures: Path | None, seconds: float, gpu: str, threads: int) -> int:
    """Print one table; ratios are to the fastest batch of the same file with `alpha` alone."""
    print("| model | precision | provider | what | batch | pictures/s | of the ceiling |")  # noqa: T201
    print("|---|---|---|---|---|---|---|")  # noqa: T201
    for path in model:
        session = Session.open(path, gpu=gpu, threads=threads)
        rates = {
            batch: _session_rate(session, batch, (ALPHA,), seconds) for batch in _batches(session)
        }
        best = max(rates, key=lambda batch: rates[batch])
        for batch, rate in rates.items():
            _row(session, path, "alpha", batch, rate, rates[best])
        scoring = _session_rate(session, best, SCORING, seconds)
        _row(session, path, "alpha, alpha_mc, embedding", best, scoring, rates[best])
        if pictures is not None:
            rate = end_to_end_rate(session, picture_files([pictures]), seconds, threads)
            _row(session, path, "files to predictions", best, rate, rates[best])
        session.close()
    return 0


def end_to_end_rate(session: Session, files: list[Path], seconds: float, threads: int) -> float:
    """Return pictures a second from files to what is written of them, medians of three runs."""

    def once() -> int:
        for scored in predict(session, files, decode_threads=threads):
            predictions_of(scored, session.card)
        return len(files)

    once()
    return rate_of(once, seconds)


def rate_of(work: Callable[[], int], seconds: float) -> float:
    """Return items a second: the median over repetitions within about this time, three at least."""
    rates: list[float] = []
    begin = time.perf_counter()
    while len(rates) < 3 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        n = work()
        rates.append(n / (time.perf_counter() - start))
    return float(np.median(rates))


def _batches(session: Session) -> list[int]:
    return [batch for batch in _BATCHES if batch <= session.largest_batch]


def _session_rate(session: Session, batch: int, outputs: tuple[str, ...], seconds: float) -> float:
    size_px = session.card.input.size_px
    images = np.random.default_rng(0).integers(0, 256, (batch, size_px, size_px, 3), np.uint8)

    def once() -> int:
        session.run(images, outputs)
        return batch

    once()
    return rate_of(once, seconds)


def _row(  # noqa: PLR0917 - the columns of a table
    session: Session, path: Path, what: str, batch: int, rate: float, ceiling: float
) -> None:
    provider = session.provider.removesuffix("ExecutionProvider")
    print(  # noqa: T201 -- this is a command
        f"| {path.name} | {session.card.precision} | {provider} | {what} | {batch} | {rate:,.0f} | "
        f"{rate / ceiling:.2f} |"
    )
