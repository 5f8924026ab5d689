"""Facts that a reviewer may rely on without reading every line: the imports, and the dangerous places."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import tabgan
from tabgan.columns import KINDS
from tabgan.schema import KIND_NAMES

ROOT = Path(tabgan.__file__).parent

#: Every module imports only from modules above it, lazily or not; a folder stands for all that is not listed of it.
ORDER = [
    "errors",
    "_util.version",
    "_util.lazy",
    "_util.logs",
    "_util.printed",
    "_util.html",
    "_util.validate",
    "_util.estimator",
    "_util.files",
    "_util.progress",
    "_util.processes",
    "_util.tensors",
    "_util.rng",
    "_util.yaml",
    "_util.renamed",
    "_util.ray_cluster",
    "_util.schema_errors",
    "_util",
    "columns.formats",
    "columns.spellings",
    "columns.values",
    "columns.lengths",
    "columns.keys",
    "columns.encoder",
    "columns.patterns",
    "columns.filling",
    "columns.canonical",
    "columns.rounding",
    "columns.naming",
    "columns.multiples",
    "columns.numerals",
    "columns.marks",
    "columns.cycles",
    "columns.tails",
    "columns.kind",
    "columns.occupied",
    "columns.vote",
    "columns.lattice",
    "columns.words",
    "columns.grid",
    "columns.standins",
    "columns.spans",
    "columns.number_votes",
    "columns.numeric",
    "columns.datetime",
    "columns.duration",
    "columns.timeofday",
    "columns.categorical",
    "columns.boolean",
    "columns.plaintext",
    "columns.identifier",
    "columns.people",
    "columns.recurring",
    "columns.named",
    "columns.constant",
    "columns.told",
    "columns.sdtypes",
    "columns",
    "rules.rule",
    "rules.expressions",
    "rules",
    "schema",
    "table.partitions",
    "table.headings",
    "table.labels",
    "table.merged",
    "table.differences",
    "table.reduction",
    "table.headers",
    "table.checks",
    "table.spooled",
    "table.calendar",
    "table.orders",
    "table.coarsening",
    "table.coded",
    "table.runs",
    "table.related",
    "table.shared",
    "table.codes",
    "table.placing",
    "table.summed",
    "table.spread",
    "table.stretches",
    "table.conditions",
    "table.partial",
    "table.solving",
    "table.impossible",
    "table.losses",
    "table.relations",
    "table.decided",
    "table.together",
    "table.draft",
    "table.proposals",
    "table.editor",
    "table",
    "draft",
    "privacy.unit",
    "privacy.accounting",
    "privacy.plan",
    "privacy.events",
    "privacy.spending",
    "privacy.filter",
    "privacy.ledger.records",
    "privacy.ledger.file",
    "privacy.ledger.summary",
    "privacy.ledger.journal",
    "privacy.ledger",
    "privacy.choice",
    "privacy.released",
    "privacy.doors.contributions",
    "privacy.doors.digest",
    "privacy.doors.mechanisms",
    "privacy.doors.measure",
    "privacy.doors.release",
    "privacy.doors.marginals",
    "privacy.coding",
    "privacy.doors.cycle_counts",
    "privacy.doors.measured_table",
    "privacy.doors.broken",
    "privacy.doors.private_metrics",
    "privacy.doors.dpsgd",
    "privacy.doors",
    "privacy",
    "model.margins",
    "model.loglinear",
    "model.places",
    "model.formulas",
    "model.suggested",
    "model.adversary.critic",
    "model.adversary.natural",
    "model.generator",
    "model.tabulated",
    "model.meeting",
    "model.lookahead",
    "model.sampling",
    "model.tallies",
    "model.adversary.training",
    "model.adversary",
    "model",
    "io.remote",
    "io.dialect",
    "io.first_line",
    "io.cells",
    "io.arrow_types",
    "io.sources",
    "io.sinks",
    "io.answers",
    "io.data_source",
    "io.arrow_source",
    "io.ray_parts",
    "io.ray_source",
    "io.spreadsheets",
    "io.file_source",
    "io.databases",
    "io.opening",
    "io.part_files",
    "io",
    "datasets",
    "fitting.measured",
    "fitting.modelfile",
    "fitting.modelview",
    "fitting.checkpoint",
    "fitting.session",
    "fitting.critics",
    "fitting.fit",
    "fitting.private_draft",
    "fitting",
    "drawing.kept",
    "drawing.rows",
    "drawing.keyed",
    "drawing.raking",
    "drawing.proportions",
    "drawing.stream",
    "drawing.ray_shards",
    "drawing.completion",
    "drawing.mixin",
    "drawing",
    "evaluation.catalog.entry",
    "evaluation.catalog",
    "evaluation",
    "assessment.shareable",
    "audit.statistics",
    "audit.whitebox",
    "audit.mechanism_checks",
    "audit.canaries",
    "audit.outcome",
    "audit",
    "report",
    "assessment.private_request",
    "assessment.assess",
    "assessment.assessormixin",
    "assessment",
    "bundle.names",
    "bundle.terms",
    "bundle.manifest",
    "bundle.archives",
    "bundle.signatures",
    "bundle.keyless",
    "bundle.commitment",
    "bundle.ledger_extract",
    "bundle.verification",
    "bundle.wording",
    "bundle.contents",
    "bundle.dp_statement",
    "bundle",
    "planning.madeup",
    "planning.dependence",
    "planning.rehearsal",
    "planning.expectation",
    "planning.effort",
    "planning.expected",
    "planning.page",
    "planning.fitplan",
    "planning.planner",
    "planning.plannermixin",
    "planning",
    "synthesizer",
    "comparing",
    "jobs.fields",
    "jobs.source_keys",
    "jobs.bundle_options",
    "jobs.resources",
    "jobs.config",
    "jobs.expand",
    "jobs.loading",
    "jobs.forecast",
    "jobs.file_schema",
    "jobs.record",
    "jobs.run",
    "jobs.executors",
    "jobs.ray_executor",
    "jobs.eventlog",
    "jobs.index",
    "jobs",
    "cli.terminal",
    "cli.condition_text",
    "cli.options",
    "cli.parts",
    "cli.batch",
    "cli.reports",
    "cli.ledgers",
    "cli.releases",
    "cli.completions",
    "cli.plans",
    "cli.schemas",
    "cli.audits",
    "cli.doctor",
    "cli.app",
    "cli",
    "__main__",
]

#: Names of the package itself, imported when they are asked for.
LAZY = {
    "io.opening",
    "rules",
    "synthesizer",
    "comparing",
    "evaluation",
    "evaluation.gate",
    "privacy.ledger.records",
    "privacy.ledger.summary",
    "report",
    "table.conditions",
}

#: Third-party packages that only these modules, or folders, may import.
ONLY_IN = {
    "opacus": {"privacy.doors.dpsgd"},
    "faker": {"columns.people"},
    "opendp": {"privacy.doors.mechanisms"},
    "dp_accounting": {"privacy.accounting"},
    "safetensors": {"fitting.modelfile", "fitting.checkpoint"},
    "filelock": {"privacy.ledger.file", "fitting.checkpoint", "table.spooled"},
    "sdmetrics": {"evaluation.sdmetrics_scores"},
    "jinja2": {"jobs.index", "planning.page", "report"},
    "weasyprint": {"report"},
    "typer": {
        "cli.app",
        "cli.batch",
        "cli.completions",
        "cli.schemas",
        "cli.audits",
        "cli.doctor",
        "cli.parts",
        "cli.plans",
        "cli.reports",
        "cli.ledgers",
        "cli.releases",
    },
    "rich": {
        "cli.terminal",
        "cli.audits",
        "cli.batch",
        "cli.doctor",
        "cli.parts",
        "cli.plans",
        "cli.reports",
        "cli.ledgers",
        "cli.releases",
        "_util.progress",
    },
    "secrets": {
        "privacy",
        "audit",
        "bundle.commitment",
        "_util.files",
        "_util.ray_cluster",
        "io.sinks",
        "io.part_files",
        "fitting.checkpoint",
        "fitting.session",
        "assessment.private_request",
        "jobs",
    },
}

#: Classes of the kinds, and the one that several share.
KIND_CLASSES = {kind.__name__ for kind in KINDS} | {"LatticeColumn"}

#: Imports up the order that type checkers alone make: the two halves of one contract name each other.
TYPES_ONLY = {("columns.encoder", "columns.kind")}

#: Modules that only pass on, for one version, what has moved elsewhere.
OLD_PLACES = {"draft"}

FORBIDDEN = {"pickle", "cPickle", "_pickle", "dill", "joblib", "cloudpickle", "shelve", "marshal", "random"}


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_module(path): path for path in sorted(ROOT.rglob("*.py"))}


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def _nodes(module: str) -> list[ast.AST]:
    return list(ast.walk(_tree(module)))


@cache
def _imports(module: str) -> list[tuple[str, int]]:
    """Return every imported module, functions' own imports included, with its line."""
    found = []
    for node in _nodes(module):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                is_module = full.removeprefix("tabgan.") in MODULES
                found.append((full if is_module else str(node.module), node.lineno))
    return found


def _own(module: str) -> list[tuple[str, int]]:
    """Return imports of the package's modules, without the package's name, which only its version is taken of."""
    own = [
        (name.removeprefix("tabgan."), line) for name, line in _imports(module) if name.startswith("tabgan.")
    ]
    return [(target, line) for target, line in own if (module, target) not in TYPES_ONLY]


def _in_package(node: ast.ImportFrom) -> str:
    return str(node.module).removeprefix("tabgan.")


def _rank(module: str) -> int:
    while module not in ORDER:
        assert "." in module, f"{module} has no place in ORDER"
        module = module.rpartition(".")[0]
    return ORDER.index(module)


def _lies_in(module: str, places: set[str]) -> bool:
    return any(module == place or module.startswith(place + ".") for place in places)


@cache
def _calls(module: str) -> list[tuple[str, ast.Call]]:
    return [(ast.unparse(node.func), node) for node in _nodes(module) if isinstance(node, ast.Call)]


class TestLayers:
    def test_no_back_edge(self):
        """Within a folder that is a single row, modules import each other."""
        assert not [
            f"{module}:{line} imports {target}, further down"
            for module in MODULES
            if module
            for target, line in _own(module)
            if _rank(target) > _rank(module)
        ]

    @pytest.mark.parametrize("module", [module for module, _ in TYPES_ONLY])
    def test_an_import_up_the_order_is_for_type_checkers_alone(self, module):
        guarded = [
            each
            for node in _tree(module).body
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for each in ast.walk(node)
        ]
        up = [
            node
            for node in _nodes(module)
            if isinstance(node, ast.ImportFrom) and (module, _in_package(node)) in TYPES_ONLY
        ]
        assert up
        assert set(up) <= set(guarded)

    def test_the_package_itself_imports_nothing_at_once(self):
        assert {target for target, _ in _own("")} == {"_util.lazy", "_util.version", "schema"} | LAZY
        at_once = [node for node in _tree("").body if isinstance(node, ast.ImportFrom)]
        assert {node.module for node in at_once} == {
            "__future__",
            "typing",
            "tabgan._util.lazy",
            "tabgan._util.version",
        }

    @pytest.mark.parametrize("package", ["", "io", "evaluation"])
    def test_a_lazy_name_is_what_type_checkers_see(self, package):
        module = import_module(f"tabgan.{package}".rstrip("."))
        seen = {
            alias.name: node.module
            for node in _nodes(package)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if alias.name in module.__all__
        }
        assert seen.keys() == set(module.__all__)
        for name, home in seen.items():
            assert getattr(module, name) is getattr(import_module(str(home)), name)

    def test_no_cycle(self):
        edges = {module: {target for target, _ in _own(module)} for module in MODULES if module}
        done: set[str] = set()
        while len(done) < len(edges):
            ready = {module for module, targets in edges.items() if targets <= done} - done
            assert ready, f"a cycle among {sorted(set(edges) - done)}"
            done |= ready

    def test_the_order_lists_what_there_is(self):
        assert set(ORDER) <= set(MODULES)
        assert len(set(ORDER)) == len(ORDER)

    def test_the_check_would_see_a_back_edge(self):
        assert _rank("synthesizer") > _rank("privacy.doors.release") > _rank("table.codes") > _rank("schema")
        assert "synthesizer" in {name for name, _ in _own("jobs.run")}  # imported within a function


class TestDoors:
    @pytest.mark.parametrize("package", ONLY_IN)
    def test_only_where_it_belongs(self, package):
        importers = {
            module for module in MODULES for name, _ in _imports(module) if name.split(".")[0] == package
        }
        assert all(_lies_in(module, ONLY_IN[package]) for module in importers), importers

    @pytest.mark.parametrize("package", ["opacus", "opendp", "dp_accounting", "sdmetrics"])
    def test_and_it_is_there(self, package):
        (place,) = ONLY_IN[package]
        assert any(name.split(".")[0] == package for name, _ in _imports(place))

    def test_evaluation_takes_tables_and_never_the_model(self):
        for module in MODULES:
            if _lies_in(module, {"evaluation"}):
                forbidden = {"synthesizer", "fitting.modelfile", "model.sampling", "model", "privacy"}
                assert not [target for target, _ in _own(module) if _lies_in(target, forbidden)], module

    def test_the_report_never_samples_or_fits(self):
        for module in MODULES:
            if _lies_in(module, {"report"}):
                assert not [
                    t for t, _ in _own(module) if _lies_in(t, {"synthesizer", "model", "model.sampling"})
                ], module

    def test_no_seed_reaches_privacy(self):
        """Pitfall 20."""
        for module in MODULES:
            if _lies_in(module, {"privacy"}):
                assert "_util.rng" not in {target for target, _ in _own(module)}, module
                assert not [c for c, _ in _calls(module) if "np.random" in c or "default_rng" in c], module

    def test_no_noise_outside_of_the_mechanisms(self):
        """Opacus draws its own; here nobody calls a Gaussian or Laplacian."""
        draws = ("normal", "laplace", "randn", "standard_normal", "normal_", "gumbel")
        for module in MODULES:
            found = {name for name, _ in _calls(module) if name.rpartition(".")[2] in draws}
            if not _lies_in(module, {"evaluation", "audit", "datasets"}):  # which simulate
                assert not found, (module, found)

    def test_the_model_and_sampling_meet_no_row(self):
        for module in MODULES:
            if _lies_in(module, {"model", "model.sampling"}):
                assert not [name for name, _ in _imports(module) if name.split(".")[0] == "pandas"], module


def _found(modules: Iterable[str], check: Callable[[str], object]) -> dict[str, object]:
    """Return all that a check finds, by module."""
    found = {module: check(module) for module in modules}
    return {module: each for module, each in found.items() if each}


def kinds_tested_in(nodes: Iterable[ast.AST]) -> list[str]:
    """Return the places of a module that ask for the kind of a column: by its class, or by its name."""
    found = []
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name(id="isinstance" | "issubclass"), args=[_, classes]):
                is_test = _names_in(classes) & KIND_CLASSES
            case ast.Compare(left=left, comparators=others):
                sides = [left, *others]
                is_of_type = any(isinstance(s, ast.Call) and ast.unparse(s.func) == "type" for s in sides)
                texts = {n.value for s in sides for n in ast.walk(s) if isinstance(n, ast.Constant)}
                has_kind = any(isinstance(s, ast.Attribute) and s.attr == "kind" for s in sides)
                is_class = is_of_type and any(_names_in(s) & KIND_CLASSES for s in sides)
                is_test = is_class or (has_kind and texts & set(KIND_NAMES))
            case ast.Match(subject=ast.Attribute(attr="kind")):
                is_test = True
            case ast.MatchClass(cls=class_):
                is_test = _names_in(class_) & KIND_CLASSES
            case _:
                continue
        if is_test:
            found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


def _names_in(node: ast.AST) -> set[str]:
    return {
        inner.id if isinstance(inner, ast.Name) else inner.attr
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name | ast.Attribute)
    }


class TestKinds:
    """A column's kind is the business of its own file: others call the protocol."""

    def test_nobody_asks_for_a_kind(self):
        others = [module for module in MODULES if not _lies_in(module, {"columns", "schema"})]
        assert len(others) > 50
        assert not _found(others, lambda module: kinds_tested_in(_nodes(module)))

    @pytest.mark.parametrize(
        "code",
        [
            "isinstance(column, Numeric)",
            "isinstance(column, Datetime | Duration)",
            "isinstance(column, (schema.Categorical, str))",
            "isinstance(column, LatticeColumn)",
            "type(column) is Boolean",
            "column.kind == 'numeric'",
            "column.kind in ('numeric', 'datetime')",
            "match column.kind:\n    case _: pass",
            "match column:\n    case Numeric(): pass",
        ],
    )
    def test_the_check_would_see_it(self, code):
        assert kinds_tested_in(ast.walk(ast.parse(code)))

    @pytest.mark.parametrize(
        "code", ["column.kind == other.kind", "dtype.kind == 'M'", "isinstance(column, Column)"]
    )
    def test_and_nothing_else(self, code):
        assert not kinds_tested_in(ast.walk(ast.parse(code)))


#: Modules that may look at the rows of a table: they read them before noise, judge them, or make them.
MEET_ROWS = {
    "privacy.doors",
    "evaluation",
    "audit",
    "columns",
    "comparing",
    "rules",
    "table",
    "io",
    "report",
    "datasets",
    "cli",
}

#: Functions elsewhere that look at rows, by module and name, with the reason.
MAY_MEET_ROWS = {
    "assessment.private_request.requested": "hands the source table to two calls, within their keyword arguments",
}

#: Names of parameters that hold real rows, annotated or not; a synthetic table is public.
REAL_ROWS = {"df", "real", "holdout", "source_table"}

#: All that a function may ask of a table that it was handed, but for handing it on.
PUBLIC_OF_ROWS = {"len", "isinstance"}


def _choices(node: ast.expr) -> list[ast.expr]:
    """Return the expressions that a conditional one chooses from, or the expression itself."""
    return [*_choices(node.body), *_choices(node.orelse)] if isinstance(node, ast.IfExp) else [node]


def _annotation(argument: ast.arg) -> str:
    return "" if argument.annotation is None else ast.unparse(argument.annotation)


def _frames_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Return the parameters of a function that are tables of real rows, and other names that it gives them."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    frames = {each.arg for each in arguments if each.arg in REAL_ROWS or "DataFrame" in _annotation(each)}
    frames.discard("synthetic")
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                given = _choices(value)
            case ast.For(target=ast.Name(id=name), iter=iter_):
                given = [each for c in _choices(iter_) if isinstance(c, ast.Tuple) for each in c.elts]
            case _:
                continue
        if any(isinstance(each, ast.Name) and each.id in frames for each in given):
            frames.add(name)
    return frames


@cache
def rows_met_in(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Return the places of a function that do more with a table than pass it on, as far as the syntax shows."""
    frames = _frames_of(function)
    if not frames:
        return []
    parents = {id(child): node for node in ast.walk(function) for child in ast.iter_child_nodes(node)}
    found = []
    for node in ast.walk(function):
        if not (isinstance(node, ast.Name) and node.id in frames and isinstance(node.ctx, ast.Load)):
            continue
        handed: ast.AST = node
        parent = parents[id(node)]
        while isinstance(parent, ast.keyword | ast.IfExp | ast.Tuple):
            handed, parent = parent, parents[id(parent)]
        match parent:
            case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value="columns"), *_]):
                is_harmless = True
            case ast.Call(func=func) if func is not handed and not isinstance(handed, ast.Tuple):
                name = ast.unparse(func)
                is_reading = name.partition(".")[0] in ("np", "pd", "torch") or name in dir(builtins)
                is_harmless = not is_reading or name in PUBLIC_OF_ROWS
            case ast.Compare(ops=ops):
                is_harmless = all(isinstance(op, ast.Is | ast.IsNot) for op in ops)
            case ast.Attribute(attr=attr):
                is_harmless = attr == "columns"
            case ast.Assign(targets=[ast.Name()]):
                is_harmless = not isinstance(handed, ast.Tuple)
            case ast.For(target=ast.Name(), iter=iter_):
                is_harmless = iter_ is handed and all(isinstance(c, ast.Tuple) for c in _choices(iter_))
            case _:
                is_harmless = False
        if not is_harmless:
            found.append(f"{node.lineno}: {ast.unparse(parent)}")
    return found


class TestRows:
    """A reviewer of the guarantee reads the doors: whoever else is handed real rows, passes them on unseen."""

    def test_tables_are_only_passed_on(self):
        others = [(module, node) for module, node in FUNCTIONS if not _lies_in(module, MEET_ROWS)]
        assert len(others) > 400
        found = [(f"{module}.{node.name}", rows_met_in(node)) for module, node in others]
        assert not [(name, places) for name, places in found if places and name not in MAY_MEET_ROWS]

    def test_exceptions_are_there(self):
        found = {f"{name}.{node.name}" for name, node in FUNCTIONS if rows_met_in(node)}
        assert set(MAY_MEET_ROWS) <= found

    @pytest.mark.parametrize(
        "line",
        [
            "df['age']",
            "df.mean()",
            "df.iloc[0]",
            "[row for row in df]",
            "df == other",
            "df + 1",
            "np.asarray(df)",
            "list(df)",
            "encode(df['age'])",
            "df.columns(df.age)",
            "table = df\n    table.mean()",
            "table = other if df is None else df\n    table['age']",
            "for table in (df, other):\n        table.mean()",
            "for name in df:\n        pass",
            "tables = (df, other)",
            "return df.head()",
            "print(df)",
            "logger.info(f'{df}')",
        ],
    )
    def test_the_check_would_see_it(self, line):
        (function,) = ast.parse(f"def learn(df):\n    {line}").body
        assert rows_met_in(function)
        (function,) = ast.parse(f"def learn(other: pd.DataFrame):\n    {line.replace('df', 'other')}").body
        assert rows_met_in(function)

    @pytest.mark.parametrize(
        "line",
        ["release(df, 1)", "release(real=df)", "df is None", "len(df)", "df.columns", "isinstance(df, str)"],
    )
    def test_and_nothing_else(self, line):
        (function,) = ast.parse(f"def learn(df):\n    {line}").body
        assert not rows_met_in(function)


class TestDangers:
    @staticmethod
    def runs_what_it_reads(module: str) -> list[str]:
        """Return imports and calls of a module that run what they read."""
        names = {name for name, _ in _calls(module)}
        return [
            *(name for name, _ in _imports(module) if name.split(".")[0] in FORBIDDEN),
            *(names & {"torch.load", "torch.save", "eval", "exec", "pd.read_pickle", "yaml.load"}),
            *(name for name in names if name.endswith(".to_pickle")),
        ]

    def test_nothing_that_runs_what_it_reads(self):
        """Pitfall 23."""
        assert not _found(MODULES, self.runs_what_it_reads)

    @staticmethod
    def seeds_of(module: str) -> list[str]:
        """Return the calls of a module that seed a global generator."""
        forked = {
            id(inner)
            for node in _nodes(module)
            if isinstance(node, ast.With)
            and any("fork_rng" in ast.unparse(item.context_expr) for item in node.items)
            for inner in ast.walk(node)
        }
        always = {"np.random.seed", "numpy.random.seed", "random.seed"}
        always |= {"torch.cuda.manual_seed", "torch.cuda.manual_seed_all"}
        return [
            f"{name}, line {call.lineno}"
            for name, call in _calls(module)
            if name in always or (name == "torch.manual_seed" and id(call) not in forked)
        ]

    def test_global_generators_are_not_seeded(self):
        assert not _found(MODULES, self.seeds_of)

    def test_no_assert_stands_guard(self):
        """``python -O`` takes them out."""
        others = [module for module in MODULES if not _lies_in(module, {"jobs"})]
        assert not _found(others, lambda m: [n.lineno for n in _nodes(m) if isinstance(n, ast.Assert)])

    def test_no_exception_is_swallowed_whole(self):
        def bare(module: str) -> list[int]:
            handlers = [node for node in _nodes(module) if isinstance(node, ast.ExceptHandler)]
            return [node.lineno for node in handlers if node.type is None]

        assert not _found(MODULES, bare)


FUNCTIONS = [
    (module, node)
    for module in MODULES
    for node in _nodes(module)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
]


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    return int(node.end_lineno or 0) - body[0].lineno + 1 if body else 0


class TestSize:
    def test_no_function_is_too_long(self):
        too_long = {
            f"{module}.{node.name}": _body_lines(node) for module, node in FUNCTIONS if _body_lines(node) > 60
        }
        assert not too_long

    def test_no_module_is_too_long(self):
        lengths = {module: len(path.read_text().splitlines()) for module, path in MODULES.items()}
        assert {module: length for module, length in lengths.items() if length > 600} == {}

    def test_the_doors_can_be_read_in_one_sitting(self):
        doors = [path for module, path in MODULES.items() if _lies_in(module, {"privacy.doors"})]
        assert len(doors) > 5
        assert sum(len(path.read_text().splitlines()) for path in doors) <= 2_200


def types_named_in(tree: ast.Module) -> list[str]:
    """Return the public classes of a module and its type aliases, which are named like classes; no type variables."""
    names = []
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name):
                pass
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if not isinstance(value, ast.Call):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id="TypeAlias")):
                pass
            case _:
                continue
        if name[0].isupper() and not name.isupper():
            names.append(name)
    return names


class TestNames:
    def test_no_two_modules_share_one(self):
        """A reader who hears a name knows the file; folders count."""
        named = [module for module in MODULES if module and not module.endswith("__main__")]
        names = [module.rpartition(".")[2] for module in named if module not in OLD_PLACES]
        assert sorted(name for name in set(names) if names.count(name) > 1) == []

    def test_no_two_public_classes_or_type_aliases_share_one(self):
        named = [(name, module) for module in MODULES for name in types_named_in(_tree(module))]
        names = [name for name, _ in named]
        assert [(name, module) for name, module in named if names.count(name) > 1] == []

    def test_the_check_would_see_it(self):
        code = "class Ab: ...\nBc = int | str\nCd: TypeAlias = 'Ab'\n_De = int | str\nText = TypeVar('Text')\nKEPT = 1"
        assert types_named_in(ast.parse(code)) == ["Ab", "Bc", "Cd"]


def untyped_in(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Return the parts of a function's signature that are annotated with ``Any``, or not at all."""
    arguments = function.args
    every = [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ]
    named = [(each.arg, each.annotation) for each in every if each and each.arg not in ("self", "cls")]
    named.append(("return", function.returns))
    return [
        name for name, annotation in named if annotation is None or "Any" in _names_in(_parsed(annotation))
    ]


def _parsed(annotation: ast.expr) -> ast.expr:
    is_text = isinstance(annotation, ast.Constant) and isinstance(annotation.value, str)
    return ast.parse(annotation.value, mode="eval").body if is_text else annotation


def public_functions(body: Iterable[ast.AST]) -> Iterable[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions and methods that others may call, the special ones too."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
            not node.name.startswith("_") or node.name.endswith("__")
        ):
            yield node


def untyped_fields(body: Iterable[ast.AST]) -> Iterable[str]:
    """Yield the declared fields of public classes whose type names ``Any``, dataclasses' and others'."""
    for node in body:
        if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
            continue
        for each in node.body:
            for field in each.body if isinstance(each, ast.If) else [each]:
                if isinstance(field, ast.AnnAssign) and "Any" in _names_in(_parsed(field.annotation)):
                    yield f"{node.name}.{ast.unparse(field.target)}"
        yield from untyped_fields(node.body)


class TestSignatures:
    """A public signature says what it takes and returns: ``object`` for anything at all, never ``Any``."""

    PUBLIC = [module for module in MODULES if not any(part.startswith("_") for part in module.split("."))]

    def test_no_public_function_takes_or_returns_any(self):
        functions = [
            (module, each) for module in self.PUBLIC for each in public_functions(_tree(module).body)
        ]
        assert len(functions) > 1_000
        found = [(f"{module}.{each.name}", untyped_in(each)) for module, each in functions]
        assert not [(name, untyped) for name, untyped in found if untyped]

    def test_no_field_of_a_public_class_holds_any(self):
        found = [(module, each) for module in self.PUBLIC for each in untyped_fields(_tree(module).body)]
        assert not found

    @pytest.mark.parametrize(
        ("code", "untyped"),
        [
            ("class A:\n    x: Any\n    y: int = 0", ["A.x"]),
            ("class A:\n    class B:\n        x: 'dict[str, typing.Any] | None' = None", ["B.x"]),
            ("class A:\n    x: Annotated[Mapping[str, object], Of(Any)]", ["A.x"]),
            ("class A:\n    if TYPE_CHECKING:\n        x: Any", ["A.x"]),
            ("class _A:\n    x: Any", []),
            ("class A:\n    x: object\n    y: AnyColumn", []),
        ],
    )
    def test_the_check_would_see_a_field(self, code, untyped):
        assert list(untyped_fields(ast.parse(code).body)) == untyped

    @pytest.mark.parametrize(
        ("code", "untyped"),
        [
            ("def f(x: Any) -> None: ...", ["x"]),
            ("def f(x: int, **more: Any) -> dict[str, Any]: ...", ["more", "return"]),
            ("def f(x: 'Sequence[Any]') -> typing.Any: ...", ["x", "return"]),
            ("def f(x): ...", ["x", "return"]),
            ("def f(x: object, *rest: int) -> 'Plot | None': ...", []),
        ],
    )
    def test_the_check_would_see_it(self, code, untyped):
        (function,) = public_functions(ast.parse(code).body)
        assert untyped_in(function) == untyped

    def test_private_ones_are_left_alone(self):
        code = "def _f(x: Any): ...\nclass _C:\n    def f(self, x: Any): ..."
        assert not list(public_functions(ast.parse(code).body))


class TestDocstrings:
    def test_modules(self):
        assert not [module for module in MODULES if not ast.get_docstring(_tree(module))]

    def test_public_functions_and_classes(self):
        bare = []
        for module in MODULES:
            for node in _tree(module).body:
                if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
                    continue
                if not ast.get_docstring(node):
                    bare.append(f"{module}.{node.name}")
                if isinstance(node, ast.ClassDef) and not node.bases:  # an override does what its base says
                    bare += [
                        f"{module}.{node.name}.{method.name}"
                        for method in node.body
                        if isinstance(method, ast.FunctionDef)
                        and not method.name.startswith("_")
                        and not ast.get_docstring(method)
                    ]
        assert not bare


#: Packages whose words follow CONTRIBUTING.md; "" is the package itself.
ENGLISH = {
    "",
    "__main__",
    "_util",
    "assessment",
    "audit",
    "bundle",
    "cli",
    "columns",
    "comparing",
    "datasets",
    "errors",
    "evaluation",
    "fitting",
    "io",
    "jobs",
    "model",
    "planning",
    "privacy",
    "report",
    "rules",
    "schema",
    "synthesizer",
    "table",
}

#: Words that begin a clause: no docstring begins with one, nor does what is said of an argument or an attribute.
CLAUSES = set(re.findall(r"\w+", "what whatever whether how where who whom whose which beside besides"))

#: Verbs that a function's docstring may begin with; add one if need be, in its base form.
VERBS = set(
    re.findall(
        r"\w+",
        "accept add advance append audit bind call charge check clip close compare complete copy count "
        "create cut draft draw end fit flush give have hide ignore import initialise interrupt keep lock log "
        "measure merge minimise move offer open prepare print raise read record refuse register reinitialise release "
        "remove replace restore restrict return run sample save set show split start stop take time train try "
        "turn update warn write yield",
    )
)

#: Phrases that stand for others: modelled, recorded, resumed, the organisation.
PHRASES = re.compile(
    r"\b(?:learnt|put(?:s|ting)? (?:\w+ )?down|gone? on (?:with|from)|goes on (?:with|from)|the house)\b",
    re.I,
)

ENTRY = re.compile(r"^\s+\w+: (\w+)", re.MULTILINE)


def clause_in(docstring: str) -> str | None:
    """Return the first word, of a docstring or of one of its entries, that begins a clause."""
    words = [docstring.split()[0], *ENTRY.findall(docstring)]
    return next((word for word in words if word.strip(".,:;").lower() in CLAUSES), None)


def lines_with_a_clause(source: str, nodes: Iterable[ast.AST]) -> list[str]:
    """Return the lines of docstrings and comments that begin with a clause; the name of an entry begins none."""
    spoken = set()
    for node in nodes:
        is_documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if is_documented and ast.get_docstring(node, clean=False) is not None:
            spoken |= set(range(node.body[0].lineno, int(node.body[0].end_lineno or 0) + 1))
    found = []
    for number, line in enumerate(source.splitlines(), 1):
        text = line.strip()
        if number in spoken or text.startswith("#"):
            word = re.match(r"(\w+)\b(?!:)", text.lstrip('#:" '))
            found += [text] if word and word.group(1).lower() in CLAUSES else []
    return found


def is_imperative(docstring: str) -> bool:
    """Return whether a docstring begins with a verb in its base form that has an object."""
    first, _, rest = docstring.partition(" ")
    return first.strip(",").lower() in VERBS and first[0].isupper() and bool(rest.strip())


def is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether a function is a property, whose docstring is a noun phrase."""
    return any(ast.unparse(decorator).endswith("property") for decorator in node.decorator_list)


class TestEnglish:
    """The texts that a reader meets first, in ``ENGLISH``; all else is left to whoever reads a change."""

    SPOKEN = [module for module in MODULES if _lies_in(module, ENGLISH)]

    def test_no_docstring_begins_with_a_clause(self):
        documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

        def clauses(module: str) -> list[tuple[str, str]]:
            nodes = [node for node in _nodes(module) if isinstance(node, documented)]
            texts = [(getattr(node, "name", module), ast.get_docstring(node)) for node in nodes]
            found = [(name, clause_in(text)) for name, text in texts if text]
            return [(name, clause) for name, clause in found if clause]

        assert not _found(self.SPOKEN, clauses)

    def test_no_line_begins_with_a_clause(self):
        assert not _found(
            self.SPOKEN,
            lambda module: lines_with_a_clause(MODULES[module].read_text(encoding="utf-8"), _nodes(module)),
        )

    def test_properties_and_classes_begin_with_no_verb(self):
        nodes = [(module, node) for module, node in FUNCTIONS if is_property(node)]
        nodes += [(m, node) for m in MODULES for node in _nodes(m) if isinstance(node, ast.ClassDef)]
        spoken = [(module, node) for module, node in nodes if module in self.SPOKEN]
        assert not [
            f"{module}.{node.name}" for module, node in spoken if is_imperative(ast.get_docstring(node) or "")
        ]

    def test_functions_begin_with_an_imperative(self):
        functions = [
            (f"{module}.{node.name}", ast.get_docstring(node))
            for module, node in FUNCTIONS
            if module in self.SPOKEN and not is_property(node)
        ]
        assert len(functions) > 500
        assert not [
            (name, text.split("\n")[0]) for name, text in functions if text and not is_imperative(text)
        ]

    def test_no_phrase_that_stands_for_another(self):
        def phrases(module: str) -> list[str]:
            constants = [node.value for node in _nodes(module) if isinstance(node, ast.Constant)]
            texts = [value for value in constants if isinstance(value, str)]
            return [found.group() for text in texts for found in PHRASES.finditer(text)]

        assert not _found(self.SPOKEN, phrases)

    def test_the_checks_would_see_it(self):
        assert clause_in("What is kept of a fit.") == "What"
        clauses = '"""A fit.\n\nwhich is kept."""\n#: Whose it is.\nwhat = 1\n'
        assert lines_with_a_clause(clauses, ast.walk(ast.parse(clauses))) == [
            'which is kept."""',
            "#: Whose it is.",
        ]
        none = '"""A fit.\n\nArgs:\n    what: The fit.\n"""\n'
        assert not lines_with_a_clause(none, ast.walk(ast.parse(none)))
        assert (
            clause_in("A fit.\n\nAttributes:\n    is_new: Whether it is.\n    name: Of the fit.") == "Whether"
        )
        assert clause_in("Return what a fit keeps.\n\nArgs:\n    name: The fit's.") is None
        assert is_imperative("Return the noisy counts of each column.")
        assert not is_imperative("Counts of each column.")
        assert not is_imperative("The noisy counts of each column.")
        assert not is_imperative("Returns the counts.")
        assert not is_imperative("Return")
        for phrase in (
            "what it learnt",
            "Puts it down",
            "put down",
            "goes on from",
            "gone on with",
            "leave the House",
        ):
            assert PHRASES.search(phrase), phrase


def is_defined(module: str, name: str) -> bool:
    """Return whether a module has a class, function or constant of that name, or a class a member ``Class.member``."""
    body: list[ast.stmt] = list(_tree(module).body)
    for part in name.split("."):
        match = [node for node in body if part in _names_of(node)]
        if not match:
            return False
        body = match[0].body if isinstance(match[0], ast.ClassDef) else []
    return True


def _names_of(node: ast.stmt) -> set[str]:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
            return {name}
        case ast.Assign(targets=targets):
            return {each.id for each in targets if isinstance(each, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
    return set()


class TestWhereToLook:
    """The page that answers in a minute where things are: all that it names is there."""

    PAGE = (ROOT.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    SECTION = PAGE.partition("## Where to look, and where to add")[2].partition("\n## ")[0]

    def test_its_functions_are_there(self):
        named = re.findall(r"`([\w/]+)\.py::([\w.]+)`", self.SECTION)
        assert len(named) > 25
        modules = [(path.replace("/", ".").removesuffix(".__init__"), name) for path, name in named]
        assert [(m, name) for m, name in modules if m not in MODULES or not is_defined(m, name)] == []

    def test_its_files_and_folders_are_there(self):
        named = re.findall(r"`([\w/]+/(?:\w+\.py)?)`", self.SECTION)
        assert len(named) > 5
        assert [path for path in named if not (ROOT / path).exists()] == []

    def test_the_check_would_see_it(self):
        assert is_defined("privacy.filter", "PrivacyFilter.charge")
        assert is_defined("columns", "KINDS")
        assert not is_defined("privacy.filter", "PrivacyFilter.discharge")
        assert not is_defined("privacy.filter", "PRIVACY")


class TestDoorsPage:
    PAGE = (ROOT / "privacy" / "doors" / "README.md").read_text(encoding="utf-8")

    def test_names_every_door(self):
        doors = {module for module in MODULES if module.startswith("privacy.doors.")}
        assert not [door for door in doors if f"({door.rpartition('.')[2]}.py)" not in self.PAGE]

    def test_its_tests_are_there(self):
        tests, path, named = Path(__file__).parent, "", 0
        for file, name in re.findall(r"`(?:([\w/]+\.py))?::(test_\w+)`", self.PAGE):
            path = file or path
            named += 1
            assert f"def {name}(" in (tests / path).read_text(encoding="utf-8"), f"{path}::{name}"
        assert named > 20

    def test_its_links_lead_somewhere(self):
        links = re.findall(r"\]\(([^)#]+)\)", self.PAGE)
        assert links
        assert not [link for link in links if not (ROOT / "privacy" / "doors" / link).exists()]


class TestExports:
    def test_all_names_are_there(self):
        for name in tabgan.__all__:
            assert getattr(tabgan, name) is not None
        at_once = {name for name in vars(tabgan) if name[0].isupper()} - {"TYPE_CHECKING", "Any"}
        assert at_once | {
            "TabGAN",
            "Between",
            "LedgerConfig",
            "Gate",
            "Inequality",
            "FixedCombinations",
            "Formula",
            "Missing",
            "OneOf",
            "Unique",
            "compare",
            "evaluate",
            "open_table",
            "read_ledger",
            "report",
        } == set(tabgan.__all__)

    def test_names_that_are_imported_late_are_offered(self):
        assert set(tabgan.__all__) <= set(dir(tabgan))

    def test_unknown_names(self):
        with pytest.raises(AttributeError, match="module 'tabgan' has no attribute 'TabGun'"):
            tabgan.TabGun  # noqa: B018

    def test_tests_mirror_the_modules(self):
        tests = Path(__file__).parent
        folders = {module.partition(".")[0] for module in MODULES if "." in module}
        assert folders <= {path.name for path in tests.iterdir() if path.is_dir()}
        single = {
            module.strip("_") for module in {name for name in MODULES if name and "." not in name} - folders
        }
        names = {path.stem.removeprefix("test_") for path in tests.glob("test_*.py")}
        assert single - {"main"} - OLD_PLACES <= names
