"""Hooks of the documentation's build: files of the repository beside the pages, and links that lead to them."""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]

#: Pages that lie outside of docs/, as the site names them.
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "RELEASING.md": "releasing.md",
    "SECURITY.md": "security.md",
    "docs/tools/gallery.md": "gallery.md",
    "tabgan/privacy/doors/README.md": "doors.md",
}

#: Notebooks with their outputs, each of which is a page.
NOTEBOOKS = {
    f"examples/notebooks/{path.name}": f"notebooks/{path.stem}.md"
    for path in sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
}

#: Other files that a page may lead to, which the site holds as they are.
SHOWN = (".html", ".ipynb", ".json", ".png", ".py", ".svg", ".yaml")

#: What the site leaves out as pages, as ``exclude_docs`` of ``mkdocs.yml`` says.
UNSHOWN = "docs/tools/"

_LINK = re.compile(r"(!?)\[([^\]]+)\]\((?!https?:|mailto:|#)([^)\s]+)\)")


def on_config(config: Any) -> Any:
    """List all decisions in the navigation, where it names their folder."""
    for _, pages in (next(iter(part.items())) for part in config["nav"] if isinstance(part, dict)):
        for page in pages if isinstance(pages, list) else ():
            if isinstance(page, dict) and page.get("Decisions") == "adr/":
                page["Decisions"] = [
                    f"adr/{path.name}" for path in sorted((ROOT / "docs" / "adr").glob("*.md"))
                ]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that lie elsewhere in the repository."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        moved = _rewritten(text, posixpath.dirname(source), page, files, config)
        files.append(File.generated(config, page, content=moved))
    for source, page in NOTEBOOKS.items():
        content = (ROOT / source).read_bytes()
        files.append(File.generated(config, f"files/{source}", content=content))
        text = f"{_notebook_page(json.loads(content))}\n\n[The notebook itself](../files/{source})\n"
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Return a page with its links out of docs/ turned into links to what the site holds."""
    source = page.file.src_uri
    if source in PAGES.values() or source in NOTEBOOKS.values():
        return markdown
    return _rewritten(markdown, posixpath.join("docs", posixpath.dirname(source)), source, files, config)


def _rewritten(text: str, folder: str, page: str, files: Files, config: Any) -> str:
    """Return a text of a folder of the repository with the links that it needs as a page of the site."""

    def link(found: re.Match[str]) -> str:
        mark, label, target = found.groups()
        path, _, anchor = target.partition("#")
        place = posixpath.normpath(posixpath.join(folder, path))
        if not (ROOT / place).exists():
            return (
                label if place.startswith("build/") else found[0]
            )  # of which the build says that it leads nowhere
        end = f"#{anchor}" if anchor else ""
        if place in PAGES or place in NOTEBOOKS:
            return f"{mark}[{label}]({_relative((PAGES | NOTEBOOKS)[place], page)}{end})"
        if place.startswith("docs/") and not place.startswith(UNSHOWN):
            return f"{mark}[{label}]({_relative(place.removeprefix('docs/'), page)}{end})"
        if place == "README.md":
            return f"{mark}[{label}]({_relative('index.md', page)})"
        if (ROOT / place).is_file() and place.endswith(SHOWN):
            name = f"files/{place}"
            if files.get_file_from_path(name) is None:
                files.append(File.generated(config, name, content=(ROOT / place).read_bytes()))
            return f"{mark}[{label}]({_relative(name, page)})"
        return label

    return _LINK.sub(link, text)


def _notebook_page(notebook: dict[str, Any]) -> str:
    """Return a notebook as Markdown: its text, code, and outputs."""
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        parts += [_output(output) for output in cell.get("outputs", ())]
    return "\n\n".join(parts)


def _output(output: dict[str, Any]) -> str:
    """Return an output of a cell as Markdown: a table as HTML in the site's style, all else as text."""
    data = output.get("data", {})
    table = re.search(r"<table.*</table>", "".join(data.get("text/html", ())), re.DOTALL)
    if table:
        return re.sub(r"<(table|tr)[^>]*>", r"<\1>", table[0])
    return f"```text\n{''.join(output.get('text') or data.get('text/plain', ())).rstrip()}\n```"


def _relative(target: str, page: str) -> str:
    return posixpath.relpath(target, posixpath.dirname(page) or ".")
