"""A job's model arguments, checked by the model itself."""

import pytest

from tabgan.errors import ConfigError
from tabgan.jobs.loading import load_jobs


def _file(folder, argument):
    """Return the path of a job's file with one argument of a model."""
    (folder / "t.csv").write_text("a\n1\n")
    file = folder / "jobs.yaml"
    file.write_text(
        f"name: a\nsource: {{path: t.csv}}\nmodel: {{{argument}}}\noutput: {{folder: {folder}/out}}\n"
    )
    return file


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("device: tpu", "model.device: expected one of 'auto', 'cpu', 'cuda', got 'tpu'"),
        ("adversary_share: 1.0", "model.adversary_share: expected a number in [0, 1), got 1.0"),
        ("epsilon: 0", "model.epsilon: expected a number in (0, inf), got 0"),
    ],
)
def test_the_models_own_arguments_are_checked_when_the_file_is_read(tmp_path, argument, message):
    with pytest.raises(ConfigError) as caught:
        load_jobs(_file(tmp_path, argument))
    assert message in str(caught.value)


@pytest.mark.parametrize("argument", ["steps: 0", "batch_size: 1.5"])
def test_arguments_without_effect_are_still_taken_with_a_warning(tmp_path, argument):
    name = argument.partition(":")[0]
    with pytest.warns(FutureWarning, match=f"'{name}' has no effect any more"):
        (job,) = load_jobs(_file(tmp_path, argument))
    assert set(job.model) == {name}
