"""Run with `python -I` elsewhere: load the registered model without Convoy, predict, and report what was unpickled.

Arguments: tracking address, model URI, .npz of image batches, .npz to write the predictions to.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec


class NoConvoy:
    """Makes `pipeline` unimportable, however it is installed."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        if name.partition(".")[0] == "pipeline":
            raise ImportError("Convoy is not here")
        return None


unpickled: list[str] = []


def main(uri: str, model_uri: str, images: str, predictions: str) -> None:
    sys.meta_path.insert(0, NoConvoy())
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    import mlflow
    import numpy as np

    mlflow.set_tracking_uri(uri)
    sys.addaudithook(lambda event, args: unpickled.append(str(args)) if event == "pickle.find_class" else None)
    model = mlflow.pyfunc.load_model(model_uri)
    batches = np.load(images)
    found = {name: model.predict(batches[name]) for name in batches.files}
    np.savez(predictions, **{name: frame.drop(columns="label").to_numpy() for name, frame in found.items()})
    print(*(",".join(frame.label) for frame in found.values()), sep="\n")
    print("unpickled:", unpickled)
    print("convoy:", "pipeline" in sys.modules)


if __name__ == "__main__":
    main(*sys.argv[1:])
