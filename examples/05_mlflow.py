"""MLflow: a fit as a run, with its promise as metrics and the shareable report and the model as artifacts.

    python -m pip install mlflow-skinny && python examples/05_mlflow.py

Logs to ``mlruns.db`` and ``artifacts`` in the working folder. Only what may leave the organisation is logged: no figure
on real rows, and a model without its place in a ledger.
"""

import tempfile
from pathlib import Path

import mlflow

from tabgan import TabGAN
from tabgan.datasets import make_people

people = make_people(2_000).drop(columns="patient")  # made up; or a table of yours

mlflow.set_tracking_uri("sqlite:///mlruns.db")
experiment = mlflow.get_experiment_by_name("people")
if experiment is None:
    mlflow.create_experiment("people", artifact_location=Path("artifacts").absolute().as_uri())
mlflow.set_experiment("people")

with mlflow.start_run() as run, tempfile.TemporaryDirectory() as scratch:
    model = TabGAN(epsilon=1.0, random_state=0).fit(people)
    arguments = model.get_params(deep=False)
    mlflow.log_params({name: value for name, value in arguments.items() if name != "schema"})
    mlflow.log_text(model.schema_.to_yaml(), "schema.yaml")
    mlflow.log_metrics(
        {
            "epsilon": model.privacy_.epsilon,
            "epsilon_spent": model.privacy_.epsilon_spent,
            "delta": model.privacy_.delta,
            "releases": len(model.privacy_.entries),
            "noisy_rows": model.n_rows_,
        }
    )
    mlflow.set_tag("privacy", str(model.privacy_))
    report = model.shareable_report(title="People")
    report.to_html(Path(scratch) / "report.html")
    report.to_json(Path(scratch) / "report.json")
    model.save(Path(scratch) / "model.tabgan", with_place=False)
    mlflow.log_artifacts(scratch)

print(run.info.run_id)
path = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="model.tabgan")
print(TabGAN.load(path).sample(3, random_state=0))
