from __future__ import annotations

import pytest

from tabgan._util.yaml import parse


def _data(text, **environ):
    data, problems = parse(text, environ)
    assert problems == []
    return data


def _problems(text, **environ):
    return parse(text, environ)[1]


class TestScalars:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("1e-6", 1e-6),
            ("1.0e-6", 1e-6),
            ("10", 10),
            ("010", 10),
            ("-.5", -0.5),
            (".inf", float("inf")),
            ("true", True),
            ("null", None),
            ("~", None),
            ("no", "no"),
            ("Yes", "Yes"),
            ("on", "on"),
            ("2024-01-31", "2024-01-31"),
            ("12:30", "12:30"),
            ("1_000", "1_000"),
            ("'1'", "1"),
        ],
    )
    def test_as_in_yaml_1_2(self, text, value):
        assert _data(f"a: {text}") == {"a": value}
        assert type(_data(f"a: {text}")["a"]) is type(value)

    def test_keys_are_text(self):
        assert _data("{no: 1, 1: 2, null: 3}") == {"no": 1, "1": 2, "null": 3}

    def test_anchors_and_merges(self):
        assert _data("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}") == {
            "a": {"x": 1, "y": 2},
            "b": {"x": 1, "y": 3},
        }

    @pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
    def test_empty(self, text):
        assert _data(text) is None


class TestVariables:
    def test_in_text(self):
        assert _data("a: ${HERE}/${B:-b}/c", HERE="/x") == {"a": "/x/b/c"}

    @pytest.mark.parametrize(("value", "expected"), [("2.5", 2.5), ("3", 3), ("true", True), ("x", "x")])
    def test_outside_of_quotes_the_value_has_its_type(self, value, expected):
        assert _data("{a: ['${V}', 0]}", V=value) == {"a": [value, 0]}
        assert _data("a: ${V}", V=value) == {"a": expected}

    @pytest.mark.parametrize("value", ["null", "~", "Null"])
    def test_never_null_so_that_no_variable_switches_privacy_off(self, value):
        assert _data("epsilon: ${V}", V=value) == {"epsilon": value}
        assert _data("epsilon: ${V:-}") == {"epsilon": ""}

    def test_never_structure(self):
        assert _data("a: ${V}", V="{b: 1}\nc: 2") == {"a": "{b: 1}\nc: 2"}

    def test_an_empty_variable_takes_the_default(self):
        assert _data("a: ${V:-x}", V="") == {"a": "x"}

    def test_value_is_not_expanded_again(self):
        assert _data("a: ${V}", V="${W}") == {"a": "${W}"}

    def test_escape(self):
        assert _data("a: $${V}", V="x") == {"a": "${V}"}

    def test_all_that_are_unset_are_named(self):
        problems = _problems("a: ${ONE}\nb: [1, {c: '${TWO}'}]")
        assert len(problems) == 2
        assert problems[0].startswith("a: the environment variable ONE is not set.")
        assert problems[1].startswith("b[1].c: the environment variable TWO is not set.")


class TestRefused:
    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("a: 1\nb: 2\na: 3", "a: the key occurs twice, again at line 3"),
            ("a:\n  b: 1\n  b: 2", "a.b: the key occurs twice, again at line 3"),
            ("epsilon:\ndelta: 1", "epsilon: expected a value, got nothing, at line 1"),
            ("[a]: 1", "line 1: expected a word as a key"),
            ("a: [1", "line 1: not valid YAML"),
            ("a: 1\n\tb: 2", "line 2: not valid YAML"),
            ("a: 1\n---\nb: 2", "not valid YAML"),
            ("a: *nowhere", "line 1: not valid YAML"),
            ("a: !!python/object/apply:os.system [ls]", "line 1: not valid YAML"),
            ("a: \x07", "not valid YAML"),
        ],
    )
    def test_with_the_place(self, text, problem):
        problems = _problems(text)
        assert len(problems) == 1
        assert problem in problems[0]

    def test_a_list_in_itself(self):
        assert "aliases" in parse("a: &a [*a]", {})[1][0]


@pytest.mark.parametrize("text", ["source: {path: ${X}/a}", "a: 1\nb: [1, ${X}]"])
def test_a_variable_within_brackets_needs_quotes_and_the_message_says_so(text):
    data, (problem,) = parse(text, {"X": "y"})
    assert data is None
    assert problem.endswith('Within brackets, text with ${NAME} needs quotes: "${NAME}/people.csv".')
    assert "quotes" not in parse("a: {b: 1", {})[1][0]
    assert parse('source: {path: "${X}/a"}', {"X": "y"}) == ({"source": {"path": "y/a"}}, [])
