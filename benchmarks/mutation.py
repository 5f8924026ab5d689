"""Mutation test of the privacy code: a seeded sample of mutants, each with one operator changed.

    python benchmarks/mutation.py [--count 60] [--seed 0] [--jobs 2] [--minutes 30]

A mutant is one change at one place in ``SCOPE``: a comparison turned (``<`` to ``<=``), a number one larger, ``True``
to ``False``, ``and`` to ``or``, ``not`` dropped, ``+`` to ``-``, ``*`` to ``/``, a standalone call dropped, ``return``
without its value. It runs in a copy of the tree, first with its module's own test file and, if that passes, with
``WIDER``. Annotations, decorators, error messages and ``/`` between paths are not mutated. A mutant that crashes, or
takes longer than ``TIMEOUT``, counts as killed. The verdict on each survivor is entered into the results by hand, and
is kept by name when the same sample runs again. Runs of earlier commits stay under ``earlier``.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

from environment import environment

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "mutation.json"

SCOPE = [
    *sorted(path.relative_to(ROOT) for path in (ROOT / "tabgan" / "privacy").rglob("[a-z]*.py")),
    *(Path("tabgan/fitting") / f"{name}.py" for name in ("fit", "modelfile", "checkpoint")),
    Path("tabgan/assessment/private_request.py"),
]

#: Tests to run if a module's own pass. They are not the whole suite: a survivor has survived these.
WIDER = [
    "tests/privacy",
    "tests/fitting",
    "tests/assessment/test_private_request.py",
    "tests/test_architecture.py",
]

#: Seconds that the tests of one mutant may take.
TIMEOUT = 480

_TURNED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}


@dataclass(frozen=True)
class Mutant:
    """One change: a file, the bytes to remove, and their replacement."""

    path: Path
    start: int
    end: int
    line: int
    old: str
    new: str

    @property
    def name(self) -> str:
        """Path, line and change."""
        return f"{self.path}:{self.line}: {self.old} -> {self.new}"


def mutants(path: Path) -> Iterator[Mutant]:
    """Yield all mutants of a file."""
    source = (ROOT / path).read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node in _places(ast.parse(source)):
        changed = _changed(node)
        if changed is None:
            continue
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        yield Mutant(path, start, end, node.lineno, ast.unparse(node), changed)


def _places(node: ast.AST) -> Iterator[Any]:
    """Yield the nodes that may be changed."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, ast.Raise | ast.JoinedStr):
                yield child
                yield from _places(child)


def _changed(node: ast.AST) -> str | None:
    """Return a node's source with one operator changed, ``None`` if there is none to change."""
    new: str | None = None
    match node:
        case ast.Compare(ops=[op, *_]) if type(op) in _TURNED:
            ops = [_TURNED[type(op)](), *node.ops[1:]]
            new = ast.unparse(ast.Compare(node.left, ops, node.comparators))  # type: ignore[arg-type]
        case ast.BoolOp():
            new = ast.unparse(ast.BoolOp(_TURNED[type(node.op)](), node.values))  # type: ignore[arg-type]
        case ast.BinOp(op=ast.Div()) if ast.unparse(node.left).endswith(("folder", "path")):
            return None
        case ast.BinOp() if type(node.op) in _TURNED:
            new = ast.unparse(ast.BinOp(node.left, _TURNED[type(node.op)](), node.right))  # type: ignore[arg-type]
        case ast.UnaryOp(op=ast.Not()):
            new = ast.unparse(node.operand)
        case ast.Constant(value=bool()):
            return str(not node.value)
        case ast.Constant(value=int() | float()):
            return repr(node.value + 1)
        case ast.Expr(value=ast.Call()):
            return "pass"
        case ast.Return(value=ast.expr()) if ast.unparse(node.value) != "None":  # type: ignore[arg-type]
            return "return None"
    return None if new is None else f"({new})"


def tests_of(path: Path) -> list[str]:
    """Return a module's own test file."""
    own = Path("tests") / path.parent.relative_to("tabgan") / f"test_{path.name}"
    return [str(own)] if (ROOT / own).exists() else []


def is_killed(mutant: Mutant, tree: Path) -> bool:
    """Return true if a test fails in a tree with the mutant in it; then remove the mutant."""
    target, source = tree / mutant.path, (ROOT / mutant.path).read_bytes()
    target.write_bytes(source[: mutant.start] + mutant.new.encode() + source[mutant.end :])
    try:
        return any(not _passes(tree, tests) for tests in (tests_of(mutant.path), WIDER) if tests)
    finally:
        target.write_bytes(source)


def _passes(tree: Path, tests: list[str]) -> bool:
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    env = os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    try:
        found = subprocess.run(command, cwd=tree, env=env, capture_output=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return False
    return found.returncode == 0


def run(chosen: list[Mutant], n_jobs: int, minutes: float) -> dict[Mutant, bool]:
    """Return the verdict on each mutant that there was time for: killed or not."""
    end, found = time.monotonic() + 60 * minutes, {}
    with tempfile.TemporaryDirectory() as scratch:
        trees: Queue[Path] = Queue()
        for number in range(n_jobs):
            tree = Path(scratch) / str(number)
            shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", "*cache*"))
            trees.put(tree)
        if not all(_passes(tree, WIDER) for tree in list(trees.queue)[:1]):
            raise SystemExit("The tests fail without a mutant: none would tell anything.")

        def judge(mutant: Mutant) -> None:
            if time.monotonic() > end:
                return
            tree = trees.get()
            found[mutant] = is_killed(mutant, tree)
            trees.put(tree)
            print("killed  " if found[mutant] else "SURVIVED", mutant.name, flush=True)

        with ThreadPoolExecutor(n_jobs) as pool:
            list(pool.map(judge, chosen))
    return found


def main() -> None:
    """Run a sample and write its score with every survivor."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=30.0)
    args = parser.parse_args()
    every = [mutant for path in SCOPE for mutant in mutants(path)]
    chosen = random.Random(args.seed).sample(every, min(args.count, len(every)))
    found = run(chosen, args.jobs, args.minutes)
    last = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"survivors": [], "earlier": []}
    judged = {entry["mutant"]: entry["judgement"] for entry in last["survivors"]}
    earlier = last.pop("earlier", [])
    if last.get("commit") not in (None, environment()["commit"]):
        earlier = [*earlier, last]
    survivors = [mutant.name for mutant in chosen if not found.get(mutant, True)]
    result = {
        **environment(),
        "command": f"python benchmarks/mutation.py --count {args.count} --seed {args.seed}",
        "mutants": len(every),
        "sampled": len(chosen),
        "run": len(found),
        "killed": sum(found.values()),
        "survivors": [
            {"mutant": name, "judgement": judged.get(name, "to be looked at")} for name in survivors
        ],
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{result['killed']} of {result['run']} killed, out of {result['mutants']} possible mutants")


if __name__ == "__main__":
    main()
