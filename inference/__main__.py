"""`python -m inference check | predict | explain | bench`: networks without the site."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path

from inference.errors import InferenceError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code: 1 where something was refused, with one sentence."""
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    try:
        return _run(command, options)
    except InferenceError as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201 -- this is a command
        return 1
    except KeyboardInterrupt:
        print("Interrupted; nothing was written.", file=sys.stderr)  # noqa: T201
        return 130


def _run(command: str, options: dict[str, object]) -> int:
    """Import what the command needs, and no more: `check` needs no PyArrow."""
    from importlib import import_module  # noqa: PLC0415

    run = import_module(f"inference.commands.{command}").run
    code: int = run(**options)
    return code


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m inference", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    check = commands.add_parser("check", help="judge a stranger's model file in a limited process")
    check.add_argument("model", type=Path)
    check.add_argument("--tree", type=Path, help="JSON file of the tree that it must be about")

    predict = commands.add_parser("predict", help="vote fractions of pictures, as a Parquet file")
    predict.add_argument("model", type=Path)
    predict.add_argument("pictures", type=Path, nargs="+", help="files, or folders of pictures")
    predict.add_argument("--out", type=Path, required=True, help="predictions.parquet")
    _device(predict)

    explain = commands.add_parser("explain", help="where in a picture a network sees an answer")
    explain.add_argument("model", type=Path)
    explain.add_argument("picture", type=Path)
    explain.add_argument("--answer", required=True, help="question.answer, such as bar.yes")
    explain.add_argument("--out", type=Path, required=True, help="map.png")
    explain.add_argument("--method", choices=("rise", "occlusion", "cam"), default="rise")
    _device(explain)

    bench = commands.add_parser("bench", help="pictures a second, by batch, provider and precision")
    bench.add_argument("model", type=Path, nargs="+")
    bench.add_argument("--pictures", type=Path, help="folder: also from files to a result")
    bench.add_argument("--seconds", type=_positive, default=2.0, help="for each figure")
    _device(bench)
    return parser


def _device(parser: ArgumentParser) -> None:
    parser.add_argument("--gpu", choices=("require", "prefer", "off"), default="prefer")
    parser.add_argument("--threads", type=int, default=0, help="0: one for each core")


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise ArgumentTypeError(f"{text} is no number of seconds above 0")
    return value


if __name__ == "__main__":
    sys.exit(main())
