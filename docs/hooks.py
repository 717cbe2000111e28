"""MkDocs hooks: formulas as MathML, which browsers render without scripts, and links to pages and to the repository."""

import re
import subprocess
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert

CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
BLOCK = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
LINK = re.compile(r'href="\.\./(\w+\.md)"')
REMOTE = re.compile(r"(?:(?:https|ssh)://(?:[^@/]+@)?|git@)([\w.-]+)(?::\d+)?[:/]([\w./-]+?)(?:\.git)?/?")
INLINE = re.compile(r"(?<![\\$\w])\$([^$\n]+?)\$(?!\w)")


def on_config(config: Any, **_: Any) -> Any:
    """Links each page to the repository that this checkout was cloned from, if that has an address on the web."""
    command = ["git", "config", "--get", "remote.origin.url"]
    try:
        remote = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:  # no git: an unpacked archive
        return config
    if address := web_address(remote.strip()):
        config.repo_url, config.repo_name = address, address.split("/", 3)[3]
    return config


def web_address(remote: str) -> str | None:
    """The page of a repository, without user names or passwords; None if it lies in a folder."""
    found = REMOTE.fullmatch(remote)
    return f"https://{found[1]}/{found[2]}" if found else None


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Converts ``$$...$$`` and ``$...$`` outside of code."""
    parts = CODE.split(markdown)
    parts[::2] = [INLINE.sub(_inline, BLOCK.sub(_block, part)) for part in parts[::2]]
    return "".join(parts)


def on_page_content(html: str, *, page: Any, files: Any, **_: Any) -> str:
    """Converts links of a notebook to ``../page.md`` into links of the site, since MkDocs does so only for pages."""
    if not page.file.src_uri.endswith(".ipynb"):
        return html

    def link(found: re.Match[str]) -> str:
        target = files.get_file_from_path(found[1])
        if target is None:
            raise ValueError(f"{page.file.src_uri}: no page {found[1]} to link to")
        return f'href="{target.url_relative_to(page.file)}"'

    return LINK.sub(link, html)


def _block(found: re.Match[str]) -> str:
    return convert(found[1].strip(), display="block")


def _inline(found: re.Match[str]) -> str:
    # Markdown takes a line that begins with a formula for a block of its own, unless it begins with a span.
    return f"<span>{convert(found[1])}</span>"
