"""Pages that are made of the code: the command line, its manual page, the keys of a job, the JSON Schema of jobs.

    python docs/tools/pages.py      (make pages)

``tests/test_site.py`` holds them against the code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

import tabgan
from tabgan.cli.app import app
from tabgan.jobs.file_schema import file_schema

ROOT = Path(__file__).parents[2]

EXIT_CODES = (
    (0, "success"),
    (1, "something failed: a job, a check, a claim of the audit"),
    (2, "an argument or a file is wrong, and nothing was spent"),
    (3, "a gate refused a release"),
    (130, "interrupted"),
)

COMMAND_LINE = """# Command line

Made of the code by `make pages`; do not edit.

`tabgan --install-completion` has the shell complete commands and options (bash, zsh, fish, PowerShell);
`tabgan --show-completion` prints the script instead. The manual page lies beside this file:
`man docs/reference/tabgan.1`."""

JOB_KEYS = """# Keys of a job

Made of the code by `make pages`; do not edit. [Jobs](../jobs.md) explains the file; commented ones lie in `configs/`.

`tabgan jobs json-schema` prints a JSON Schema of the file: an editor that knows it completes the keys, says what each
means and marks mistakes. With the YAML extension of VS Code, and others, it is enough to begin the file with

```yaml
# yaml-language-server: $schema=jobs.schema.json
```"""


def pages() -> dict[Path, str]:
    """Return the text of every page by its path."""
    rules = file_schema()
    return {
        ROOT / "docs/reference/cli.md": command_line(),
        ROOT / "docs/reference/tabgan.1": manual_page(),
        ROOT / "docs/reference/job-keys.md": job_keys(rules),
        ROOT / "configs/jobs.schema.json": json.dumps(rules, indent=1) + "\n",
    }


def commands(command: Any = None, name: str = "tabgan") -> Iterator[tuple[str, Any]]:
    """Return an iterator over every command with its full name, groups first."""
    command = typer.main.get_command(app) if command is None else command
    yield name, command
    for key, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from commands(inner, f"{name} {key}")


def parameters(command: Any) -> tuple[list[Any], list[Any]]:
    """Return the arguments and the options of a command."""
    shown = [
        each for each in command.params if not (getattr(each, "hidden", False) or "completion" in each.name)
    ]
    options = [each for each in shown if each.opts[0].startswith("-")]
    return [each for each in shown if each not in options], options


def usage(name: str, command: Any) -> str:
    """Return a command with its arguments."""
    arguments, _ = parameters(command)
    last = [each.name.upper() if each.required else f"[{each.name.upper()}]" for each in arguments]
    return " ".join([name, "COMMAND" if hasattr(command, "commands") else "[OPTIONS]", *last])


def spelling(option: Any) -> str:
    """Return an option as it is written, with the word for its value."""
    names = ", ".join(sorted(option.opts, key=len, reverse=True))
    return names if option.is_flag else f"{names} {option.name.upper().replace('_', '-')}"


def note(parameter: Any) -> str:
    """Return the help of a parameter, with its default if it has one."""
    text = (parameter.help or "").strip()
    if parameter.required and parameter.opts[0].startswith("-"):
        return f"{text} Required."
    is_told = parameter.default not in (None, False, "", ()) and not getattr(parameter, "is_flag", False)
    return f"{text} By default {parameter.default}." if is_told else text


def command_line() -> str:
    """Return the page of the command line."""
    codes = "".join(f"| {code} | {text} |\n" for code, text in EXIT_CODES)
    parts = [f"{COMMAND_LINE}\n\n| exit code | meaning |\n|---|---|\n{codes}"]
    for name, command in commands():
        level = "##" if name.count(" ") < 2 else "###"
        parts.append(
            f"{level} `{name}`\n\n```text\n{usage(name, command)}\n```\n\n{_paragraphs(command.help)}\n"
        )
        arguments, options = parameters(command)
        rows = [(f"`{each.name.upper()}`", note(each)) for each in arguments]
        rows += [(f"`{spelling(each)}`", note(each)) for each in options]
        if rows:
            parts.append(
                "| | |\n|---|---|\n" + "".join(f"| {first} | {_cell(text)} |\n" for first, text in rows)
            )
        inner = getattr(command, "commands", {})
        if inner and name != "tabgan":
            parts.append("Commands: " + ", ".join(f"`{name} {key}`" for key in inner) + ".\n")
    return "\n".join(parts)


def _paragraphs(text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (text or "").strip().split("\n\n"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def manual_page() -> str:
    """Return the manual page, in the macros of man."""
    lines = [
        f'.TH TABGAN 1 "" "tabgan {tabgan.__version__}" "User Commands"',
        ".SH NAME",
        r"tabgan \- create differentially private synthetic tables",
        ".SH SYNOPSIS",
        *(
            f".B {_roff(usage(name, each))}\n.br"
            for name, each in commands()
            if not hasattr(each, "commands")
        ),
        ".SH DESCRIPTION",
        "A generative model is fitted to a table under differential privacy, and synthetic tables are sampled from it.",
        ".SH COMMANDS",
    ]
    for name, command in commands():
        arguments, options = parameters(command)
        lines += [f".SS {_roff(name)}", *_roff_paragraphs(command.help)]
        for each in arguments:
            lines += [".TP", f".I {_roff(each.name.upper())}", _roff(note(each))]
        for each in options:
            lines += [".TP", f".B {_roff(spelling(each))}", _roff(note(each))]
    lines.append(".SH EXIT STATUS")
    for code, text in EXIT_CODES:
        lines += [".TP", f".B {code}", _roff(text)]
    return "\n".join(lines) + "\n"


def _roff(text: str) -> str:
    """Return a line of text in which no sign has a meaning."""
    plain = " ".join(text.split()).replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{plain}" if plain.startswith((".", "'")) else plain


def _roff_paragraphs(text: str | None) -> list[str]:
    found: list[str] = []
    for part in _paragraphs(text).split("\n\n"):
        found += [".PP", _roff(part)] if part else []
    return found


def job_keys(rules: dict[str, Any]) -> str:
    """Return the page of the keys of a job."""
    keys = rules["definitions"]["part"]["properties"]
    parts = [f"{JOB_KEYS}\n\n| key of a job | |\n|---|---|\n"]
    parts[0] += "".join(_row(name, rule) for name, rule in keys.items())
    for name, rule in keys.items():
        inner = _mapping(rule)
        if inner:
            parts.append(
                f"## `{name}`\n\n| key | |\n|---|---|\n" + "".join(_row(*each) for each in inner.items())
            )
    return "\n".join(parts)


def _row(name: str, rule: dict[str, Any]) -> str:
    text = rule.get("description", "")
    inner = _mapping(rule)
    if not text and inner:
        text = "Limits of " + ", ".join(f"`{key}`" for key in inner) + "."
    return f"| `{name}` | {_cell(text)} |\n"


def _mapping(rule: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a rule that a mapping may keep."""
    for each in rule.get("anyOf", [rule]):
        if each.get("properties"):
            return dict(each["properties"])
    return {}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
