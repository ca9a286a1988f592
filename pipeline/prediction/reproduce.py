"""Whether a model folder answers here as the trained network did: tried in a process of its own, which unpickles nothing."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

from pipeline import artifacts, errors
from pipeline.errors import ConvoyError, SecurityRefusal, Unexpected
from pipeline.prediction.model import PACKAGES, installed, load
from pipeline.training.engines import SAMPLES, read_samples, require_equal

_SECONDS = 300


def reproduce(folder: Path) -> None:
    """Load every form of the model that can run here, in a new process, and compare its answers with the stored ones.

    Raises DigestMismatch, MissingFile, ExportDiffers, or SecurityRefusal when a file would have run code while it was loaded.
    """
    command = [sys.executable, "-P", "-m", "pipeline.prediction.reproduce", str(folder.absolute())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode == 0:
        return
    try:
        kind, said = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):  # it died
        why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise Unexpected("loading the model", where=str(folder), why=why, remedy="pull it again") from None
    raise getattr(errors, kind)(said.pop("what"), **said)


def _main(folder: Path) -> int:
    engines = installed()
    for engine in engines:  # before any unpickling is refused: a library may unpickle what is its own
        importlib.import_module(PACKAGES[engine])
    samples = read_samples(artifacts.read_bytes(folder / SAMPLES))
    sys.addaudithook(_refuse_pickle)
    try:
        for engine in engines:
            model = load(folder, engine, "cpu")
            require_equal(f"the model under {engine}", model.answer, samples, where=str(folder))
    except ConvoyError as error:
        said = {"what": error.what, "where": error.where, "why": error.why, "remedy": error.remedy}
        print(json.dumps([type(error).__name__, said]))
        return error.exit_code
    return 0


def _refuse_pickle(event: str, arguments: tuple[object, ...]) -> None:
    if event == "pickle.find_class":
        why = f"loading it would look up {'.'.join(map(str, arguments))} to run it"
        raise SecurityRefusal("a pickle in the model", why=why, remedy="do not use this model, and ask who registered it")


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1])))
