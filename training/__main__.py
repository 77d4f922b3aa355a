"""`python -m training`: votes and pictures to one model file.

prepare makes a run directory, run and resume train it, watch trains what appears in a folder;
export, evaluate and tune work on a run directory too; starter makes the network that ships.
"""

import os
import signal
import socket
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from inference.errors import InferenceError

# PyTorch's threads wait for each other many times a step. Spinning meanwhile takes the processor
# from the very thread that is waited for, wherever something else runs, such as the site.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code: 1 where something was refused, with one sentence."""
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code: int = getattr(import_module("training.commands"), command)(**options)
    except InferenceError as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201 -- this is a command
        return 1
    except KeyboardInterrupt:
        print("Interrupted; the last checkpoint stays, and `resume` goes on.", file=sys.stderr)  # noqa: T201
        return 130
    return code


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m training",
        description=__doc__,
        formatter_class=RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)

    prepare = commands.add_parser("prepare", help="a run directory from votes and pictures")
    prepare.add_argument(
        "source", type=Path, help="catalog.parquet, counts.csv, or a folder of class folders"
    )
    prepare.add_argument("--config", type=Path, required=True, help="settings, a TOML file")
    prepare.add_argument("--out", type=Path, required=True, help="the run directory to make")
    prepare.add_argument("--pictures", type=Path, help="folder of the pictures")
    prepare.add_argument("--tree", help="a tree's JSON file, or the name of a built-in one")
    prepare.add_argument("--unlabeled", type=Path, help="pictures of a second survey")

    for name, words in (
        ("run", "train a run directory"),
        ("resume", "go on with one that was interrupted, cancelled or failed"),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument("folder", type=Path)
        command.add_argument(
            "--worker",
            default=f"{socket.gethostname()}-{os.getpid()}",
            help="who holds the claim; a watcher names itself",
        )

    _add_judging(commands)
    _add_serving(commands)
    return parser


def _add_judging(commands: Any) -> None:
    export = commands.add_parser("export", help="the model file of a run's newest checkpoint")
    export.add_argument("folder", type=Path)
    export.add_argument("--out", type=Path, required=True, help="model.onnx")
    export.add_argument("--half", action="store_true", help="16 bits, for GPUs")

    evaluate = commands.add_parser("evaluate", help="judge a run's network and write its report")
    evaluate.add_argument("folder", type=Path)
    evaluate.add_argument("--out", type=Path, help="folder of the report; the run's unless given")

    tune = commands.add_parser("tune", help="search for better settings")
    tune.add_argument("folder", type=Path)
    tune.add_argument("--out", type=Path, required=True, help="folder of the study")
    tune.add_argument("--minutes", type=float, default=30.0)
    tune.add_argument("--trials", type=int)


def _add_serving(commands: Any) -> None:
    watch = commands.add_parser("watch", help="train run directories as they appear")
    watch.add_argument("folder", type=Path)
    watch.add_argument("--once", action="store_true", help="end when none is left")
    watch.add_argument("--lease", type=float, default=120.0, help="seconds of silence allowed")

    starter = commands.add_parser("starter", help="the network that ships, from Galaxy Zoo 2")
    starter.add_argument("data", type=Path, help="folder of the public tables and pictures")
    starter.add_argument("--out", type=Path, required=True, help="model.onnx")
    starter.add_argument("--work", type=Path, default=Path("var/starter"), help="checkpoints")


if __name__ == "__main__":
    sys.exit(main())
