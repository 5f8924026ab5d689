"""Values of the command line in place of a file's: checked by the same code, with their key path."""

import pytest

from tabgan.cli.options import overrides_of
from tabgan.errors import ConfigError
from tabgan.jobs.loading import load_jobs


@pytest.fixture(autouse=True)
def folder(tmp_path, people, monkeypatch):
    people.to_csv(tmp_path / "people.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


ONE = "source: {path: people.csv}\nmodel: {epsilon: 1.0}\n"
TWO = (
    "jobs:\n- {name: a, source: {path: people.csv}}\n"
    "- {name: b, source: {path: people.csv}, model: {epsilon: 3}}\n"
)


def jobs(folder, text, *pairs):
    (folder / "jobs.yaml").write_text(text)
    return load_jobs(folder / "jobs.yaml", overrides=overrides_of(pairs))


def test_a_key_is_replaced_in_every_job(folder):
    assert [job.epsilon for job in jobs(folder, TWO, "model.epsilon=0.5")] == [0.5, 0.5]
    (job,) = jobs(folder, ONE, "model={epsilon: 2}", "random_state=7", "output.folder=there")
    assert (job.epsilon, job.random_state, job.output.folder.name) == (2, 7, "there")


def test_a_key_that_the_file_does_not_have(folder):
    (job,) = jobs(folder, "source: {path: people.csv}\n", "model.delta=1e-7")
    assert job.model["delta"] == 1e-7


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("model.epsilon=-1", "job 'jobs': --set model.epsilon: expected"),
        ("model.epsilom=1", "Did you mean 'epsilon'"),
        ("modle.epsilon=1", "--set modle"),
        ("source.path.x=1", "--set source.path.x: "),
        ("name=x", "--set name: expected a key of the job's work"),
        ("jobs=[]", "--set jobs: expected a key of the job's work"),
    ],
)
def test_a_wrong_one_is_told_with_its_key_path(folder, pair, said):
    with pytest.raises(ConfigError) as error:
        jobs(folder, ONE, pair)
    assert said in str(error.value)
    assert "jobs.yaml" in str(error.value)
    assert "line 2" not in str(error.value)  # where the file has another value


def test_a_wrong_one_is_told_once_for_all_jobs(folder):
    with pytest.raises(ConfigError) as error:
        jobs(folder, TWO, "model.epsilon=-1")
    assert str(error.value).count("--set model.epsilon") == 1
    assert "job 'a' and 1 more: --set model.epsilon" in str(error.value)


def test_problems_of_the_file_keep_their_lines(folder):
    with pytest.raises(ConfigError) as error:
        jobs(folder, "source: {path: people.csv}\nmodel: {epsilon: -1}\n", "model.delta=7")
    assert "line 2: job 'jobs': model.epsilon" in str(error.value)
    assert "job 'jobs': --set model.delta" in str(error.value)


def test_a_matrix_is_not_made_of_equal_jobs(folder):
    with pytest.raises(ConfigError, match=r"--set model.epsilon: a matrix of the file states it"):
        jobs(folder, "source: {path: people.csv}\nmatrix: {model.epsilon: [1, 2]}\n", "model.epsilon=3")


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (["model.epsilon"], "--set: expected key=value"),
        (["=1"], "--set: expected key=value"),
        (["a..b=1"], "--set: expected key=value"),
        (["a=1", "a=2"], "--set a: expected one value, got two"),
        (["a=[1"], "--set a: "),
    ],
)
def test_pairs(pairs, said):
    with pytest.raises(ConfigError) as error:
        overrides_of(pairs)
    assert str(error.value).startswith(said)
