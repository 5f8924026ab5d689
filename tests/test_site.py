"""The documents that become a site: their commands and code are run, or at least there; their pages are in step."""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import tabgan
from tabgan.cli.app import app

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md"])

#: A block of code, and the line before it, which may say that it is a file, or that it is not run.
BLOCK = re.compile(r"^(?:<!-- ([^\n]*) -->\n)?```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def loaded(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MADE = loaded(DOCS / "tools" / "pages.py")
COMMANDS = dict(MADE.commands())


def blocks(page, *languages):
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [(mark, text) for mark, language, text in found if language in languages]


def commands_of(text):
    """Return the calls of tabgan in a block of sh, each as its words."""
    joined = text.replace("\\\n", " ")
    lines = [re.sub(r"(^|\s)#.*", "", line) for line in joined.splitlines()]
    parts = [part for line in lines for part in re.split(r"&&|\|(?!\S)|;", line)]
    return [shlex.split(part) for part in parts if part.split()[:1] == ["tabgan"]]


@pytest.mark.family
@pytest.mark.parametrize("path", MADE.pages(), ids=lambda path: path.name)
def test_pages_made_of_the_code_are_in_step(path):
    """Else: make pages."""
    assert path.read_text(encoding="utf-8") == MADE.pages()[path]


def test_the_command_line_has_them_all():
    page = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    manual = (DOCS / "reference" / "tabgan.1").read_text(encoding="utf-8")
    assert len(COMMANDS) > 20
    for name, command in COMMANDS.items():
        assert f"`{name}`\n" in page
        arguments, options = MADE.parameters(command)
        for each in (*arguments, *options):
            assert (each.opts[0] if each.opts[0].startswith("-") else each.name.upper()) in page
            assert each.opts[-1].replace("-", r"\-") in manual or each.name.upper() in manual


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff")
def test_the_manual_page_is_one():
    page = DOCS / "reference" / "tabgan.1"
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", page], capture_output=True, text=True, check=True
    )
    assert not done.stderr
    assert "create differentially private synthetic tables" in done.stdout


def test_commands_and_options_in_documents_exist():
    n_commands = 0
    for page in PAGES:
        for _, text in blocks(page, "sh"):
            for words in commands_of(text):
                n_commands += 1
                n_words = next(n for n in range(len(words), 0, -1) if " ".join(words[:n]) in COMMANDS)
                command = COMMANDS[" ".join(words[:n_words])]
                known = {option for each in command.params for option in each.opts} | {"--help"}
                given = {word.partition("=")[0] for word in words[n_words:] if re.match("--?[a-z]", word)}
                assert given <= known, (page.name, words)
                assert n_words < len(words) or not hasattr(command, "commands"), (page.name, words)
    assert n_commands > 30


def test_python_in_documents_compiles():
    found = [(page, text) for page in PAGES for _, text in blocks(page, "python")]
    assert len(found) > 10
    for page, text in found:
        compile(text, str(page), "exec")


def test_names_of_the_package_in_documents_exist():
    for page in PAGES:
        for _, text in blocks(page, "python"):
            for module, names in re.findall(r"^from (tabgan[\w.]*) import ([\w, ]+)", text, re.MULTILINE):
                imported = importlib.import_module(module)
                assert all(hasattr(imported, name.strip()) for name in names.split(",")), (page.name, names)


def test_yaml_in_documents_is_read():
    for page in PAGES:
        for _, text in blocks(page, "yaml"):
            assert list(yaml.safe_load_all(text.replace("\n---\n", "\n"))) is not None


def in_the_reference():
    """Return the names on the pages of the reference; those of a module's classes where it stands there whole."""
    text = "".join(page.read_text() for page in (DOCS / "reference" / "api").glob("*.md"))
    named = re.findall(r"^::: ([\w.]+)", text, re.MULTILINE)
    files = [ROOT / f"{name.replace('.', '/')}.py" for name in named]
    inner = [re.findall(r"^class (\w+)", file.read_text(), re.MULTILINE) for file in files if file.exists()]
    return {name.rpartition(".")[2] for name in named}.union(*inner)


def test_every_public_name_has_a_place_in_the_reference():
    assert set(tabgan.__all__) <= in_the_reference()


def test_and_so_has_every_class_that_a_public_function_returns():
    files = (ROOT / "tabgan").rglob("*.py")
    own = {name for file in files for name in re.findall(r"^class (\w+)", file.read_text(), re.MULTILINE)}
    public = [getattr(tabgan, name) for name in tabgan.__all__]
    methods = [vars(base)[key] for base in tabgan.TabGAN.__mro__ for key in vars(base) if key[0] != "_"]
    functions = [each for each in [*public, *methods] if inspect.isfunction(each)]
    said = [str(inspect.signature(each).return_annotation) for each in functions]
    returned = own & {word for each in said for word in re.findall(r"\w+", each)}
    assert {"FitPlan", "Report", "LedgerSummary", "SystemComparison", "DataSource"} <= returned
    assert returned <= in_the_reference()


def test_links_lead_somewhere():
    for page in DOCS.rglob("*.md"):
        text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", text):
            is_built = "/build/" in target  # by make gallery
            assert is_built or (page.parent / target).exists(), f"{page.name}: {target}"


def test_figures_in_documents_are_the_measured_ones():
    folder = ROOT / "benchmarks"
    for name, page in (("inference", "statistician.md"), ("epsilon", "data-owner.md")):
        source = (folder / f"{name}.py").read_text(encoding="utf-8")
        names = {"Any": object, "json": json}
        for function in re.findall(
            r"^def (?:table|_cell|replaced)\(.*?(?=^\S)", source + "\n#", re.MULTILINE | re.DOTALL
        ):
            exec(function, names)
        result = json.loads((folder / "results" / f"{name}.json").read_text(encoding="utf-8"))
        text = (DOCS / "concepts" / page).read_text(encoding="utf-8")
        assert names["replaced"](text, result) == text


def test_code_that_is_said_to_be_written_here_is_there():
    text = (DOCS / "hand-written.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:\w+/)+(?:\w+\.py)?|\w+\.py)`", text)
    assert len(named) > 30
    assert not [name for name in named if not any((base / name).exists() for base in (ROOT, ROOT / "tabgan"))]


def test_every_direct_dependency_has_its_reason():
    """In the order of ``pyproject.toml``; what comes with another one does so in the environment of the tests."""
    text = (DOCS / "hand-written.md").read_text(encoding="utf-8")
    section = text.partition("## Why each direct dependency stays")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([\w-]+) \| ([\w-]*) ?\| (.+) \|$", section, re.MULTILINE)
    rows = [row for row in rows if row[0] != "dependency"]
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert [name for name, _, _ in rows] == [re.match(r"[\w-]+", each).group() for each in declared]
    assert f"the {len(rows)} was" in section
    for name, other, _ in rows:
        if other and importlib.util.find_spec(other.replace("scikit-learn", "sklearn")):
            needs = [each for each in requires(other) if "extra ==" not in each]
            assert name in {re.match(r"[\w-]+", each).group().lower() for each in needs}, (name, other)


def run_page(page, folder):
    """Run the blocks of a page in a folder, in their order: files are written, Python shares its names."""
    names = {}
    for mark, language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if mark.startswith("file: "):
            (folder / mark.removeprefix("file: ")).write_text(text, encoding="utf-8")
        elif mark == "not run" or (mark.startswith("needs ") and not importlib.util.find_spec(mark[6:])):
            continue
        elif language == "python":
            exec(compile(text, f"{page.name}", "exec"), names)
        elif language == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                run_line(re.sub(r"\s#.*", "", line))
    return names


def run_line(line):
    words = shlex.split(line)
    if words[:1] == ["tabgan"]:
        done = CliRunner().invoke(app, words[1:])
        assert done.exit_code == 0, (line, done.output)
    elif words:
        subprocess.run(words, check=True, capture_output=True)


#: Pages whose blocks are run as they stand.
RUN = [
    "tutorial.md",
    "concepts/privacy-engineer.md",
    "concepts/statistician.md",
    "howto/census.md",
    "howto/ci-gate.md",
    "howto/clinical-visits.md",
    "howto/ecosystem.md",
    "howto/larger-than-memory.md",
    "howto/nightly.md",
    "howto/notebook.md",
]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", RUN)
def test_a_page_runs_as_it_stands(name, tmp_path, monkeypatch, few_trees):
    monkeypatch.chdir(tmp_path)
    run_page(DOCS / name, tmp_path)
    if name == "tutorial.md":
        assert (tmp_path / "out/people/release.zip").exists()


def dead_links(page):
    """Return the links of a page that lead to no file beside it."""
    found = re.findall(r'<a\s[^>]*?href="?([^"\s>#]+)', page.read_text(encoding="utf-8"))
    own = {link for link in found if not re.match(r"[a-z]+:", link)}
    return [link for link in own if not (page.parent / link).exists()]


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path):
    pytest.importorskip("material", reason="no extra docs")
    pytest.importorskip("mkdocstrings_handlers.python", reason="no extra docs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loads = re.compile(
        r"<(?:script|img|iframe|source)[^>]*\ssrc=\"?(https?:[^\"\s>]+)|<link[^>]*href=\"?(https?:[^\"\s>]+)"
    )
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        if "files" not in page.relative_to(tmp_path).parts:
            found = [
                hit for hit in loads.findall(page.read_text(encoding="utf-8")) if "canonical" not in str(hit)
            ]
            assert not found, (page.name, found)
            if page.name != "404.html":  # its links lead from the root
                assert not dead_links(page), page.name
    model = (tmp_path / "reference" / "api" / "model.html").read_text(encoding="utf-8")
    assert "check_cap" in model
    assert not re.search("check_room|No longer used", model)
