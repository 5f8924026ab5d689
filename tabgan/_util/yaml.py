"""YAML as people expect it: no repeated keys, environment variables, and the numbers of YAML 1.2.

PyYAML follows YAML 1.1, in which ``no`` is false, ``1e-6`` is text and ``2024-01-31`` a date object. Here, as in
YAML 1.2, they are text, a number and text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import yaml

from tabgan._util.files import MAX_DEPTH, MAX_DIGITS

_TAG = "tag:yaml.org,2002:"

#: ``${NAME}`` or ``${NAME:-default}``; ``$${`` stands for ``${``.
_VARIABLE = re.compile(r"\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


#: Most characters of a text, and most values that aliases (``*name``) may add to those written out.
MAX_CHARACTERS, MAX_ALIASED = 10_000_000, 100_000


class _Loader(yaml.SafeLoader):
    """A loader of YAML 1.2's core schema, with only values that are safe to build."""

    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {}
    depth = 0

    def fetch_flow_collection_start(self, token_class: type) -> None:
        if (
            self.flow_level >= MAX_DEPTH
        ):  # here too, because PyYAML reads a thousand brackets ahead, and slowly
            problem = f"nested more than {MAX_DEPTH} deep"
            raise yaml.scanner.ScannerError(None, None, problem, self.get_mark())
        super().fetch_flow_collection_start(token_class)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, f"nested more than {MAX_DEPTH} deep", mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


_Loader.add_implicit_resolver(_TAG + "null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver(
    _TAG + "bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(_TAG + "int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    _TAG + "float",
    re.compile(
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+.0123456789"),
)
_Loader.add_implicit_resolver(_TAG + "merge", re.compile(r"^<<$"), ["<"])
_Loader.add_constructor(_TAG + "int", lambda loader, node: int(loader.construct_scalar(node)))


def parse(text: str, environ: Mapping[str, str]) -> tuple[Any, list[str]]:
    r"""Return the data in YAML text, and its problems as lines ``where: problem``.

    A variable's value replaces ``${NAME}``. Outside quotes the result is read like YAML, so that numbers stay
    numbers; it is never null, and never becomes a list or a mapping.

    Small texts that expand to huge data are refused: see ``MAX_DEPTH``, ``MAX_DIGITS`` and ``MAX_ALIASED``.

    >>> parse("delta: 1e-6\nfolder: ${OUT:-out}/a", {"OUT": "there"})
    ({'delta': 1e-06, 'folder': 'there/a'}, [])
    """
    data, problems, _ = parse_with_lines(text, environ)
    return data, problems


def parse_with_lines(text: str, environ: Mapping[str, str]) -> tuple[Any, list[str], dict[str, int]]:
    """Return what :func:`parse` returns, and the line of each key path, such as ``jobs[0].source.path``."""
    if len(text) > MAX_CHARACTERS:
        return None, [f"expected at most {MAX_CHARACTERS:,} characters, got {len(text):,}."], {}
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None, [], {}
        _check_aliases(node)
        walk = _Walk(loader, environ)
        walk.visit(node, "")
        return (None if walk.problems else loader.construct_document(node)), walk.problems, walk.lines
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: " if mark else ""
        return None, [f"{place}not valid YAML ({_problem(error)}).{_hint(text, mark)}"], {}
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        # PyYAML's own errors for invalid tags (!!int x), escapes and directives
        return None, ["not valid YAML (a value that cannot be read)."], {}


def _hint(text: str, mark: Any) -> str:
    """Return the fix for a line in which a variable's braces are read as a mapping's; else an empty text."""
    lines = text.splitlines()
    is_variable = mark is not None and mark.line < len(lines) and "${" in lines[mark.line]
    return ' Within brackets, text with ${NAME} needs quotes: "${NAME}/people.csv".' if is_variable else ""


def _problem(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or "unreadable")


def _check_aliases(root: yaml.Node) -> None:
    """Raise if aliases make a document far larger than its text, or make it contain itself.

    Raises:
        yaml.YAMLError: the document is too large, or contains itself.
    """
    sizes: dict[int, tuple[int, int]] = {}  # values and depth by node, each visited once

    def measure(node: yaml.Node) -> tuple[int, int]:
        if id(node) not in sizes:
            sizes[id(node)] = (0, MAX_DEPTH + 1)  # until it is known: a node within itself is infinite
            inside = [] if isinstance(node, yaml.ScalarNode) else node.value
            parts = [part for each in inside for part in (each if isinstance(each, tuple) else (each,))]
            found = [measure(part) for part in parts]
            size = 1 + sum(size for size, _ in found)
            sizes[id(node)] = (size, 1 + max((depth for _, depth in found), default=0))
        if sizes[id(node)][1] > MAX_DEPTH:
            problem = f"nested more than {MAX_DEPTH} deep by aliases"
            raise yaml.composer.ComposerError(None, None, problem, node.start_mark)
        return sizes[id(node)]

    size, _ = measure(root)
    if size > len(sizes) + MAX_ALIASED:
        raise yaml.composer.ComposerError(
            None, None, f"aliases that expand to {size:,} values", root.start_mark
        )


class _Walk:
    """One pass over the nodes of a document, which rejects repeated keys and the like, and fills in variables."""

    def __init__(self, loader: _Loader, environ: Mapping[str, str]) -> None:
        self.problems: list[str] = []
        self.lines: dict[str, int] = {}
        self._loader = loader
        self._environ = environ
        self._seen: set[int] = set()

    def visit(self, node: yaml.Node, where: str) -> None:
        """Check a node and its descendants; ``where`` is its key path."""
        self.lines.setdefault(where, node.start_mark.line + 1)
        if id(node) in self._seen:
            return
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            self._visit_mapping(node, where)
        elif isinstance(node, yaml.SequenceNode):
            for position, item in enumerate(node.value):
                self.visit(item, f"{where}[{position}]")
        elif isinstance(node, yaml.ScalarNode):
            self._fill_in(node, where)
            if node.tag == _TAG + "int" and len(node.value) > MAX_DIGITS:
                self.problems.append(f"{where}: expected a number of at most {MAX_DIGITS} digits.")

    def _visit_mapping(self, node: yaml.MappingNode, where: str) -> None:
        seen = set()
        for key, value in node.value:
            line = f"line {key.start_mark.line + 1}"
            if not isinstance(key, yaml.ScalarNode):
                self.problems.append(f"{line}: expected a word as a key, got a list or mapping.")
                continue
            if key.tag != _TAG + "merge":
                key.tag = _TAG + "str"
            path = f"{where}.{key.value}" if where else key.value
            if key.value in seen:
                self.problems.append(f"{path}: the key occurs twice, again at {line}. Delete one.")
            seen.add(key.value)
            self.lines.setdefault(path, key.start_mark.line + 1)
            if isinstance(value, yaml.ScalarNode) and value.style is None and value.value == "":
                self.problems.append(
                    f"{path}: expected a value, got nothing, at {line}. Write null if that is intended."
                )
            self.visit(value, path)

    def _fill_in(self, node: yaml.ScalarNode, where: str) -> None:
        if "${" not in node.value:
            return

        def value_of(match: re.Match[str]) -> str:
            literal, name, default = match.groups()
            if literal:
                return "${"
            if self._environ.get(name):
                return self._environ[name]
            if default is None:
                self.problems.append(
                    f"{where}: the environment variable {name} is not set. "
                    f"Set it, or write ${{{name}:-default}}."
                )
            return default or ""

        node.value = _VARIABLE.sub(value_of, node.value)
        if node.style is None:
            tag = self._loader.resolve(yaml.ScalarNode, node.value, (True, False))
            node.tag = _TAG + "str" if tag == _TAG + "null" else tag


class _Dumper(yaml.SafeDumper):
    """A dumper that quotes all text that :func:`parse` would not read as text."""


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """Return text as a node, with line breaks in double quotes, the only ones that preserve each of them."""
    style = None if text.splitlines() == [text] else '"'
    return dumper.represent_scalar(_TAG + "str", text, style=style)


_NUMBER = re.compile(r"^[-+.]*[0-9][-+.0-9eE]*$")
_Dumper.add_implicit_resolver(_TAG + "float", _NUMBER, list("-+.0123456789"))
_Dumper.add_representer(str, _represent_text)


def dump(data: object) -> str:
    """Return data as YAML that :func:`parse` reads back unchanged.

    PyYAML writes YAML 1.1, in which ``01089`` and ``1e5`` are text without quotes.
    """
    text = yaml.dump(
        _escaped(data),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=110,
    )
    return str(text)


def _escaped(data: Any) -> Any:
    """Return data with escaped text, except keys, so that none of it refers to an environment variable."""
    if isinstance(data, Mapping):
        return {key: _escaped(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_escaped(value) for value in data]
    return data.replace("${", "$${") if isinstance(data, str) else data


def key_of(name: str) -> str:
    """Return a name as a mapping's key in YAML, in quotes where it needs them."""
    return dump({name: {"kind": 0}}).removesuffix(": {kind: 0}\n")
