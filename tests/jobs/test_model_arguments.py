"""A job's model arguments, checked by the model itself."""

import pytest

from tabgan.errors import ConfigError
from tabgan.jobs.config import load_jobs


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("steps: 0", "model.steps: expected an integer of at least 1, got 0"),
        ("batch_size: 1.5", "model.batch_size: expected an integer of at least 2, got 1.5"),
        ("device: tpu", "model.device: expected one of 'auto', 'cpu', 'cuda', got 'tpu'"),
        ("adversary_share: 1.0", "model.adversary_share: expected a number in [0, 1), got 1.0"),
        ("epsilon: 0", "model.epsilon: expected a number in (0, inf), got 0"),
    ],
)
def test_the_models_own_arguments_are_checked_when_the_file_is_read(tmp_path, argument, message):
    (tmp_path / "t.csv").write_text("a\n1\n")
    file = tmp_path / "jobs.yaml"
    file.write_text(
        f"name: a\nsource: {{path: t.csv}}\nmodel: {{{argument}}}\noutput: {{folder: {tmp_path}/out}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_jobs(file)
    assert message in str(caught.value)
