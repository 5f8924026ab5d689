from __future__ import annotations

from pathlib import Path

import pytest

from tabgan.errors import ConfigError
from tabgan.jobs.expand import MOST_JOBS
from tabgan.jobs.loading import load_jobs


@pytest.fixture
def load(tmp_path, people, monkeypatch):
    """Return a function that loads the jobs of a YAML text, beside three tables."""
    monkeypatch.chdir(tmp_path)
    Path("regions").mkdir()
    for name in ("people.csv", "regions/north.csv", "regions/south sea.csv"):
        people.to_csv(name, index=False)

    def load(text: str):
        Path("jobs.yaml").write_text(text)
        return load_jobs("jobs.yaml")

    return load


def problems_of(load, text):
    with pytest.raises(ConfigError) as raised:
        load(text)
    return str(raised.value).splitlines()


class TestDefaults:
    def test_are_of_every_job_that_does_not_say_otherwise(self, load):
        one, two = load(
            """
            defaults: {source: {path: people.csv, holdout: 0.3}, model: {epsilon: 2, delta: 1e-7}, report: null}
            jobs:
              - {name: one}
              - {name: two, source: {holdout: 0.1}, model: {epsilon: 3}, report: {pdf: false}}
            """
        )
        assert (one.source.holdout, one.model, one.report) == (0.3, {"epsilon": 2, "delta": 1e-7}, None)
        assert (two.source.holdout, two.model) == (0.1, {"epsilon": 3, "delta": 1e-7})
        assert two.report is not None
        assert [job.output.folder for job in (one, two)] == [Path("out/one"), Path("out/two")]

    def test_a_folder_among_them_has_a_part_for_each_job(self, load):
        jobs = load(
            """
            defaults: {source: {path: people.csv}, output: {folder: made, rows: 5}}
            jobs:
              - {name: one}
              - {name: two, output: {folder: elsewhere}}
              - {name: grid, matrix: {random_state: [0, 1]}}
            """
        )
        folders = [str(job.output.folder) for job in jobs]
        assert folders == ["made/one", "elsewhere", "made/grid/random_state-0", "made/grid/random_state-1"]
        assert {job.output.rows for job in jobs} == {5}

    @pytest.mark.parametrize(
        ("defaults", "said"),
        [
            ("[1]", "defaults: expected a mapping of a job's keys"),
            ("{name: a}", "defaults.name: expected in each job"),
            ("{modle: {}}", "modle: unknown key. Did you mean 'model'?"),
        ],
    )
    def test_that_cannot_be(self, load, defaults, said):
        text = f"defaults: {defaults}\njobs:\n  - {{name: one, source: {{path: people.csv}}}}"
        assert any(said in problem for problem in problems_of(load, text))


class TestGlob:
    def test_makes_a_job_for_each_file(self, load):
        jobs = load(
            "name: region\nsource: {glob: 'regions/*.csv', separator: ','}\noutput: {folder: made, rows: 5}"
        )
        assert [job.name for job in jobs] == ["region-north", "region-1"]
        assert [job.source.path.name for job in jobs] == ["north.csv", "south sea.csv"]
        assert [job.output.folder for job in jobs] == [Path("made/north"), Path("made/1")]
        assert all(job.output.rows == 5 for job in jobs)

    @pytest.mark.parametrize(
        ("source", "said"),
        [
            ("{glob: 'none/*.csv'}", "source.glob: no file matches 'none/*.csv'"),
            ("{glob: 3}", "source.glob: expected a pattern as text"),
            ("{glob: '*.csv', path: people.csv}", "source.glob: expected it alone, got path as well"),
        ],
    )
    def test_that_cannot_be(self, load, source, said):
        (problem,) = problems_of(load, f"source: {source}")
        assert problem.startswith(f"jobs.yaml: line 1: job 'jobs': {said}")


class TestMatrix:
    def test_makes_a_job_for_each_combination(self, load):
        jobs = load(
            """
            name: a
            source: {path: people.csv}
            model: {delta: 1e-7}
            checkpoint: kept
            matrix: {model.epsilon: [0.5, null], random_state: [0, 1], output.conditions: [{}, {town: Ulm}]}
            """
        )
        assert len(jobs) == 8
        assert len({job.output.folder for job in jobs}) == len({job.checkpoint for job in jobs}) == 8
        first, last = jobs[0], jobs[-1]
        assert first.name == "a-epsilon-0.5-random_state-0-conditions-0"
        assert first.model == {"delta": 1e-7, "epsilon": 0.5}
        assert (last.name, last.model["epsilon"]) == ("a-epsilon-none-random_state-1-conditions-1", None)
        assert last.output.conditions == {"town": "Ulm"}
        assert str(first.checkpoint) == "kept-epsilon-0.5-random_state-0-conditions-0"

    def test_goes_with_a_glob(self, load):
        jobs = load("source: {glob: 'regions/n*.csv'}\nmatrix: {random_state: [1, 2]}\nname: r")
        assert [job.name for job in jobs] == ["r-north-random_state-1", "r-north-random_state-2"]

    @pytest.mark.parametrize(
        ("matrix", "said"),
        [
            ("[1]", "matrix: expected a mapping of keys to lists"),
            ("{random_state: 3}", "matrix.random_state: expected a list of values"),
            ("{random_state: []}", "matrix.random_state: expected a list of values"),
            ("{name: [a, b]}", "matrix.name: expected another key"),
            ("{source.path.x: [1]}", "matrix.source.path.x: 'path' is not a mapping"),
            (
                f"{{random_state: {list(range(1000))}}}",
                f"matrix: expected at most {MOST_JOBS} jobs, got 1,000",
            ),
            (
                f"{{random_state: {list(range(30))}, model.epsilon: {list(range(1, 31))}}}",
                f"matrix: expected at most {MOST_JOBS} jobs, got 900",
            ),
        ],
    )
    def test_that_cannot_be(self, load, matrix, said):
        (problem,) = problems_of(load, f"source: {{path: people.csv}}\nmatrix: {matrix}")
        assert problem.startswith(f"jobs.yaml: line 2: job 'jobs': {said}")

    def test_its_slip_hides_no_other_problem_of_the_job(self, load):
        text = "source: {path: people.csv}\nmatrix: {model.epsilon: 3}\ntargt: b\nmodel: {delta: 2}\n"
        problems = problems_of(load, text)
        for said in ("matrix.model.epsilon: expected a list", "targt: unknown key", "model.delta"):
            assert any(said in problem for problem in problems), said

    @pytest.mark.family
    def test_of_too_many_jobs_in_all(self, load):
        item = f"- {{name: %s, source: {{path: people.csv}}, matrix: {{random_state: {list(range(300))}}}}}\n"
        (problem,) = problems_of(load, item % "a" + item % "b")
        assert problem == f"jobs.yaml: expected at most {MOST_JOBS} jobs, got 600 or more. Use several files."


class TestNeeds:
    def test_order_the_jobs(self, load):
        jobs = load(
            """
            - {name: last, source: {path: people.csv}, needs: [grid, first]}
            - {name: grid, source: {path: people.csv}, matrix: {random_state: [0, 1]}, needs: [first]}
            - {name: first, source: {path: people.csv}}
            """
        )
        assert [job.name for job in jobs] == ["first", "grid-random_state-0", "grid-random_state-1", "last"]
        assert jobs[-1].needs == ("grid-random_state-0", "grid-random_state-1", "first")

    @pytest.mark.parametrize(
        ("first", "second", "said"),
        [
            ("[b]", "[a]", "needs: the jobs 'a', 'b' wait for each other"),
            ("[a]", "[]", "job 'a': needs: no other job 'a'. It cannot need itself."),
            ("[bb]", "[]", "job 'a': needs: no other job 'bb'. Did you mean 'b'?"),
        ],
    )
    def test_that_cannot_be_met(self, load, first, second, said):
        text = "- {name: %s, source: {path: people.csv}, needs: %s}\n"
        assert said in problems_of(load, text % ("a", first) + text % ("b", second))[0]

    def test_that_cannot_be_met_are_all_told_with_their_lines(self, load):
        item = "- name: %s\n  source: {path: people.csv}\n  needs: [%s]\n"
        found = problems_of(load, item % ("a", "b") + item % ("b", "a") + item % ("c", "nope"))
        assert [each.partition(": needs")[0] for each in found] == [
            "jobs.yaml: line 3",
            "jobs.yaml: line 9: job 'c'",
        ]

    def test_of_a_job_with_another_problem_are_told_as_well(self, load):
        item = "- name: a\n  source: {path: people.csv}\n  needs: [%s]\n  random_state: -1\n"
        found = problems_of(load, item % "nope" + item.replace("[%s]", "[]"))
        assert [each.partition("jobs.yaml: ")[2].partition(" expected")[0] for each in found] == [
            "line 3: job 'a': needs: no other job 'nope'.",
            "line 4: job 'a': random_state:",
            "line 5: job 'a': name: 2 jobs have it.",
            "line 8: job 'a': random_state:",
        ]

    def test_one_of_many_jobs_is_told_once_at_the_line_that_states_it(self, load):
        text = (
            "defaults: {model: {epsilon: 1}}\njobs:\n- name: a\n  source: {path: people.csv, holdout: 7}\n"
            "  matrix:\n    model.epsilon: [1, -1]\n    random_state: [0, 1.5, 2]\n"
        )
        found = problems_of(load, text)
        assert [each.partition("jobs.yaml: ")[2].partition(": expected")[0] for each in found] == [
            "line 4: job 'a': source.holdout",
            "line 6: job 'a': matrix.model.epsilon",
            "line 7: job 'a': matrix.random_state",
        ]

    def test_of_an_only_job_come_with_it(self, load):
        item = "- {name: %s, source: {path: people.csv}, needs: [%s]}\n"
        load(item % ("a", "") + item % ("b", "a") + item % ("c", "b") + item % ("d", "a"))
        assert [job.name for job in load_jobs("jobs.yaml", only="c")] == ["a", "b", "c"]
        assert [job.name for job in load_jobs("jobs.yaml", only="a")] == ["a"]

    def test_of_a_job_with_problems_of_its_own_are_left_alone(self, load):
        item = "- {name: %s, source: {path: %s}, needs: [%s]}\n"
        (problem,) = problems_of(load, item % ("a", "nowhere.csv", "b") + item % ("b", "people.csv", "a"))
        assert "no file 'nowhere.csv'" in problem


class TestLines:
    def test_are_those_of_the_keys(self, load):
        said = problems_of(
            load,
            "defaults:\n  model: {epsilon: 1}\njobs:\n  - name: a\n    source:\n      path: people.csv\n"
            "    schema:\n      columns:\n        age: {kind: numeric}\n        sex:\n          kind: numbers\n"
            "  - name: b\n    source: {path: people.csv}\n    model:\n      epsilon: -1\n",
        )
        assert [line.partition(": job")[0] for line in said] == ["jobs.yaml: line 10", "jobs.yaml: line 15"]

    def test_problems_of_the_defaults_are_told_once_with_their_line(self, load):
        job = "  - {name: %s, source: {path: people.csv}%s}\n"
        said = problems_of(
            load,
            "defaults:\n  model:\n    epsilon: -1\njobs:\n"
            + job % ("a", "")
            + job % ("b", "")
            + job % ("c", ", model: {epsilon: -2}"),
        )
        assert [line.partition(": model")[0] for line in said] == [
            "jobs.yaml: line 3: defaults",
            "jobs.yaml: line 7: job 'c'",
        ]
