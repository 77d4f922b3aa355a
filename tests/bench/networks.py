"""`make bench-networks`: how fast networks predict and train, beside what else one could use.

Every ratio is of figures from this one run. Run by the training's environment, which has PyTorch.
"""

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from inference.commands.predict import predictions_of
from inference.formats.card import InputSpec
from inference.formats.predictions import PredictionsWriter
from inference.formats.tree import load_built_in
from inference.vision.predict import predict
from inference.vision.preprocess import read_stamp
from inference.vision.session import ALPHA, SCORING, Session
from training.augment import augment
from training.config import Config
from training.dataset import from_catalog
from training.export_onnx import draft_card, export
from training.loop import Learner, fit
from training.loss import vote_loss
from training.model import build
from training.optimizer import follow, make_optimizer
from training.served import fit_projection, pooled_features

ROOT = Path(__file__).resolve().parents[2]
STARTER = ROOT / "inference" / "models" / "starter.onnx"


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, help="folder of JPEG pictures")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory", type=int, default=20_000, help="pictures of the memory test")
    options = parser.parse_args()
    files = sorted(options.pictures.glob("*.jpg"))
    if not files:
        print(f"{options.pictures} holds no JPEG pictures: name a folder that does.")
        return 1
    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    print(f"{threads} threads, PyTorch {torch.__version__}, {len(files)} pictures\n")
    with tempfile.TemporaryDirectory() as folder:
        predicting(files, options.runs, Path(folder))
        training(options.runs)
        memory(files, options.memory, Path(folder))
    return 0


def predicting(files: list[Path], runs: int, folder: Path) -> None:
    """Compare the session on ready tensors, files to a file, and PyTorch with a DataLoader."""
    print("| network | what | pictures/s, median (range) | ratio |\n|---|---|---|---|")
    for name, path, network in networks(folder):
        session = Session.open(path, gpu="off")
        spec = session.card.input
        stamps = np.stack([read_stamp(file, spec) for file in files[:256]])
        bare = rates(lambda s=session, x=stamps: len(s.run(x, (ALPHA,))[ALPHA]), runs)
        scoring = rates(lambda s=session, x=stamps: len(s.run(x, SCORING)[ALPHA]), runs)
        whole = rates(lambda s=session: end_to_end(s, files, folder / "out.parquet"), runs)
        row(name, "session, ready tensors, alpha", bare, bare)
        row(name, "the same with alpha_mc and embedding", scoring, bare)
        row(name, "JPEG files to a Parquet file", whole, scoring)
        if network is not None:
            eager = rates(lambda n=network, s=spec: with_data_loader(n, files, s), runs)
            row(name, "PyTorch eager with a DataLoader", eager, whole)


def networks(folder: Path) -> Iterator[tuple[str, Path, torch.nn.Module | None]]:
    """Yield the starter's architecture, and one of the size of EfficientNet-B0 where timm is."""
    tree = load_built_in("galaxy-zoo-2")
    configs = {
        "own, 1.2 million weights, 96 px": Config(width=32, size_px=96, crop=0.5),
        "EfficientNet-B0, 224 px": Config(
            architecture="timm/efficientnet_b0", size_px=224, crop=0.5
        ),
    }
    for name, config in configs.items():
        try:
            network = build(config, tree).eval()
        except Exception as error:  # noqa: BLE001 - timm is an extra
            print(f"| {name} | left out: {str(error)[:80]} | | |")
            continue
        images = np.zeros((64, config.size_px, config.size_px, 3), np.uint8)
        images += np.random.default_rng(0).integers(0, 255, images.shape, dtype=np.uint8)
        card = draft_card(network, model_id="bench", created_at="2026-01-01T00:00:00+00:00")
        path = folder / "bench.onnx"
        projection = fit_projection(pooled_features(network, images))
        export(network, card, projection, path, images=images)
        yield name, path, network


def end_to_end(session: Session, files: list[Path], out: Path) -> int:
    """Predict files into a Parquet file."""
    with PredictionsWriter(
        out, session.card, sha256=session.sha256, provider=session.provider
    ) as writer:
        for scored in predict(session, files):
            writer.write(predictions_of(scored, session.card))
    return len(files)


class Pictures(TorchDataset):  # type: ignore[type-arg]
    """Files as a DataLoader wants them."""

    def __init__(self, files: list[Path], spec: InputSpec) -> None:
        self.files, self.spec = files, spec

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(read_stamp(self.files[index], self.spec).copy())


def with_data_loader(network: torch.nn.Module, files: list[Path], spec: InputSpec) -> int:
    """Predict files as a PyTorch script does."""
    loader = DataLoader(Pictures(files, spec), batch_size=64, num_workers=2)
    n = 0
    with torch.inference_mode():
        for batch in loader:
            n += len(network(batch))
    return n


def training(runs: int) -> None:
    """Compare the loop with a bare one over tensors in memory, both with augmentation."""
    from tests.training import sky  # noqa: PLC0415 - drawn galaxies

    config = Config(width=32, size_px=96, epochs=1, patience=1)
    catalog, images = sky.galaxies(1024, config.size_px)
    dataset = from_catalog(catalog, images, config)
    ours = rates(lambda: our_epoch(dataset, config), runs)
    bare = rates(lambda: bare_epoch(dataset, config), runs)
    print("\n| training, 96 px | pictures/s, median (range) | ratio |\n|---|---|---|")
    print(f"| a bare PyTorch loop over tensors | {shown(bare)} | 1.00 |")
    ratio = statistics.median(ours) / statistics.median(bare)
    print(f"| `training run`, an epoch | {shown(ours)} | {ratio:.2f} |")


class Quiet:
    """A journal that nobody reads."""

    def beat(self, **facts: object) -> None: ...
    def note(self, row: object) -> None: ...
    def say(self, line: str) -> None: ...
    def is_cancelled(self) -> bool:
        return False


def our_epoch(dataset, config) -> int:
    """Train one epoch; the validation is part of it, as in use."""
    fit(dataset, config, Quiet())
    return len(dataset.part("train")) + len(dataset.part("validation"))


def bare_epoch(dataset, config) -> int:
    """Do the same arithmetic with as few lines as possible."""
    network = build(config, dataset.tree).train()
    average = build(config, dataset.tree).eval()
    optimizer = make_optimizer(network, config)
    learner, generator = Learner(network), torch.Generator().manual_seed(0)
    places = dataset.part("train")
    images = torch.from_numpy(dataset.images[places])
    votes = torch.from_numpy(dataset.votes[places])
    asked = torch.from_numpy(dataset.asked[places])
    for step, start in enumerate(range(0, len(places) - 63, 64)):
        rows = slice(start, start + 64)
        unit = augment(network.unit(images[rows]), config, generator)
        logits, _ = learner(unit, None, None)
        alpha = network.alpha_of(logits)
        loss = vote_loss(alpha, votes[rows], asked[rows], dataset.tree).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimizer.step()
        follow(average, network, 0.99, step)
    held = dataset.part("validation")
    with torch.inference_mode():
        average(torch.from_numpy(dataset.images[held]))
    return len(places) + len(held)


def memory(files: list[Path], n: int, folder: Path) -> None:
    """Print the process's memory while it predicts many pictures of mixed sizes."""
    session = Session.open(STARTER, gpu="off")
    mixed = list(islice(cycle(files), n))
    print("\n| pictures predicted | resident memory, MB |\n|---|---|")
    done = 0
    for number, scored in enumerate(predict(session, mixed)):
        predictions_of(scored, session.card)
        done += len(scored)
        if number % max(1, n // 128 // 5) == 0 or done == n:
            print(f"| {done:,} | {resident_mb():,.0f} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"\nPeak of the whole bench: {peak:,.0f} MB.")


def resident_mb() -> float:
    """Return this process's resident memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def rates(work: Callable[[], int], runs: int) -> list[float]:
    """Return items a second of some runs, after one that is not counted."""
    work()
    found = []
    for _ in range(runs):
        start = time.perf_counter()
        n = work()
        found.append(n / (time.perf_counter() - start))
    return found


def row(network: str, what: str, found: list[float], against: list[float]) -> None:
    """Print a row of the table of predicting."""
    ratio = statistics.median(found) / statistics.median(against)
    print(f"| {network} | {what} | {shown(found)} | {ratio:.2f} |", flush=True)


def shown(found: list[float]) -> str:
    """Return a median with its range."""
    return f"{statistics.median(found):,.0f} ({min(found):,.0f} to {max(found):,.0f})"


if __name__ == "__main__":
    sys.exit(main())
