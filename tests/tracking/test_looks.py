from __future__ import annotations

from mlflow import MlflowClient

from pipeline.tracking.looks import count_looks, note_look
from pipeline.tracking.refit_run import MODEL_TAG


def test_each_model_counts_once_for_the_images_it_was_measured_on_also_when_its_run_is_gone(mlflow_uri: str) -> None:
    client = MlflowClient(mlflow_uri, mlflow_uri)
    runs = [client.create_run("0", tags={MODEL_TAG: digest}).info.run_id for digest in ("a", "b", "b", "c")]
    for run in runs[:3]:
        note_look(client, run, "1" * 64)
        note_look(client, run, "1" * 64)
    note_look(client, runs[3], "2" * 64)
    client.delete_run(runs[0])
    assert [count_looks(client, "0", images * 64) for images in "123"] == [2, 1, 0]


def test_models_that_were_measured_beside_it_and_never_registered_count_too(mlflow_uri: str) -> None:
    client = MlflowClient(mlflow_uri, mlflow_uri)
    first, second = (client.create_run("0", tags={MODEL_TAG: f"{number:064}"}).info.run_id for number in range(2))
    note_look(client, first, "1" * 64, [f"{number:064}" for number in range(150)])
    note_look(client, second, "1" * 64, [f"{number:064}" for number in range(140, 160)])
    assert count_looks(client, "0", "1" * 64) == 160
    assert all(len(value) < 5000 for value in client.get_run(first).data.tags.values())
