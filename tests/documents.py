"""The commands that the documents tell a reader to type."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
_SHELLS = ("", "sh", "bash", "shell")  # languages of blocks that hold commands
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# As Markdown has it: as many backticks end it as began it.
_IN_A_SENTENCE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
# What a command in a sentence begins with; the name of an option is not one.
_BEGINNING = re.compile(
    r"(\w+=\S+ )*(make|python3?|session-retrieval|sh|sudo|docker|podman|tfx|curl|\.|source) \S"
)
_OPTION = re.compile(r"session-retrieval \w+ --[\w-]+")
_PYTHON = re.compile(r"^(\.venv/\w+/bin/)?python3?(?= )")
_IN_ENVIRONMENT = re.compile(r"^python environment\.py run (?=session-retrieval )")
_PRESET_COMMAND = re.compile(r"^#   command:  (.*)$", re.MULTILINE)
_HERE_DOCUMENT = re.compile(r"<<'?(\w+)'?")


@dataclasses.dataclass(frozen=True)
class Command:
    """A command as it is typed, but for the path of the interpreter and a comment behind it."""

    document: str
    text: str

    @property
    def words(self) -> list[str]:
        """What a shell makes of the first line, without what it would expand."""
        return shlex.split(self.text.partition("<<")[0], comments=True)


def commands() -> list[Command]:
    """All commands: lines of a shell's blocks, what sentences quote, and the presets'."""
    found = []
    for file in sorted((PROJECT / "pipeline" / "presets").glob("*.yaml")):
        (command,) = _PRESET_COMMAND.findall(file.read_text("utf-8"))
        found.append(Command(str(file.relative_to(PROJECT)), command))
    for file in sorted(PROJECT.rglob("*.md")):
        name = str(file.relative_to(PROJECT))
        if name.startswith((".", "output/", "build/")) or name == "CHANGELOG.md":
            continue
        found += commands_of(name, file.read_text("utf-8"))
    return list(dict.fromkeys(found))


def commands_of(name: str, text: str) -> list[Command]:
    """The commands of one document, each once."""
    return [Command(name, _named(typed)) for typed in dict.fromkeys(typed_in(text))]


def typed_in(text: str) -> list[str]:
    """The same as a reader types them, in the order of the document."""
    found = []
    for block in _BLOCK.finditer(text):
        language, lines = block.groups()
        if language in _SHELLS:
            found += [(block.start(), line) for line in _lines(lines)]
    sentences = _BLOCK.sub(lambda block: " " * len(block[0]), text)
    for quoted in _IN_A_SENTENCE.finditer(sentences):
        words = " ".join(quoted[2].split())
        is_command = _BEGINNING.match(words) and not _OPTION.fullmatch(words)
        if is_command and "..." not in words:
            found.append((quoted.start(), words))
    return [typed for _, typed in sorted(found, key=lambda command: command[0])]


def _named(text: str) -> str:
    """Names commands as an activated environment does."""
    return _IN_ENVIRONMENT.sub("", _PYTHON.sub("python", text))


def _lines(block: str) -> Iterator[str]:
    """Yields whole commands: a quote, a backslash or a here document goes on to the next line."""
    waiting = ""
    for line in block.splitlines():
        waiting += line
        if not waiting.strip():
            continue
        document = _HERE_DOCUMENT.search(waiting)
        if document and line != document[1]:
            waiting += "\n"
            continue
        if not document and not _is_whole(waiting):
            waiting = waiting[:-1] if waiting.endswith("\\") else waiting + "\n"
            continue
        yield _without_comment(waiting).strip()
        waiting = ""


def _is_whole(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:  # a quote is open, or a backslash is last
        return False
    return True


def _without_comment(text: str) -> str:
    words = shlex.split(text.partition("<<")[0], comments=True)
    parts = re.split(r"(?=\s#\s)", text)
    return next(
        start
        for start in map("".join, (parts[:count] for count in range(1, len(parts) + 1)))
        if start == text or (_is_whole(start) and shlex.split(start, comments=True) == words)
    )
