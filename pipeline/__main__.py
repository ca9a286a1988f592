"""The command line: `convoy <command>`, the same as `python -m pipeline <command>`."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import traceback
from collections.abc import Callable, Sequence

from pipeline import artifacts
from pipeline.commands import project
from pipeline.commands.parser import parse
from pipeline.errors import ConvoyError, DiskError, Interrupted, Unexpected


def run() -> int:
    """The program `convoy`: main, without a search for garbage at the end, which takes half a second after one for networks."""
    code = main()
    gc.freeze()
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Errors are one line each; `--debug` adds the traceback."""
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
    except ConvoyError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin for work cost a shared machine six times the time
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a search is watched while it runs
    act: Callable[[argparse.Namespace], None] = options.act
    try:
        act(options)
    except BrokenPipeError:  # `convoy … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:  # before or after the part of a search that puts its trials aside
        return _tell(Interrupted(f"convoy {options.command}", why="SIGINT", remedy="run the same command to go on"))
    except Exception as error:
        if options.debug:
            raise
        return _tell(error)
    return 0


def _tell(error: Exception) -> int:
    """Print the error without its traceback, which goes to the log of the project; the exit code."""
    try:
        log = project.log(traceback.format_exc())
    except DiskError:  # mostly what is to be told
        log = None
    if isinstance(error, OSError):  # of a library: our own files are written through artifacts
        error = artifacts.disk_error(error, str(error.filename or "a file")) or error
    if isinstance(error, ConvoyError):
        print(error, file=sys.stderr)
        return error.exit_code
    remedy = f"the traceback is in {log}" if log else "repeat it with --debug"
    print(Unexpected(type(error).__name__, why=str(error) or "no message", remedy=remedy), file=sys.stderr)
    return Unexpected.exit_code


if __name__ == "__main__":
    sys.exit(run())
