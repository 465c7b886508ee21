"""Words that only this project used, where a reader expects the field's.

The glossary is in CONTRIBUTING.md. What stands in backticks are names, and not looked at.
"""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
# What is looked for, and what to write.
DIALECT = {
    r"\bjudg(e|es|ed|ing|ement)\b": "evaluate, evaluation split",
    r"\bask(s|ed|ing)?\b(?! for\b)": "query, call",
    r"\bfigures?\b": "metrics, numbers, values",
    r"\b(is|are|was|were|be) told\b(?! apart\b)": "is reported",
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\banew\b": "again",
    r"\bis (no|none) (valid )?(JSON|base64|number|UTF-8|SavedModel)\b": "is not (a), is not valid",
    r"\bway out\b|\bcures?\b": "how to fix it, fix",
    r"\bwhat it reaches\b|\bnot there yet\b": "results; known limitations",
    r"\bon offer\b|\banother offer\b|\bitems (gone|back)\b": "recommendable items",
    r"\bone fit\b|\bleft to choose\b": "one training run; model selection",
    r"\bserving scalars?\b": "score adjustments",
    r"\bnobody answers\b": "could not connect",
    r"\bwithout a word\b": "without an error message",
    r"\bsame command again\b": "re-run the same command",
    r"\brooms?\b": "packages",
    r"\bone home\b": "single source of truth",
    r"\bpeers?\b|\baim(s|ed)?\b": "reference systems; targets",
    r"\bpart is worth\b": "ablation",
}
TEXTS = (
    *("*.md", "docs/*.md", "kubeflow/README.md", "components/*/README.md", "notebooks/*.py"),
    *("Makefile", "mkdocs.yml", "pipeline/presets/*.yaml"),
    *("modules/**/*.py", "components/**/*.py", "components/report/**/*.html"),
    *(
        "pipeline/**/*.py",
        "serving/**/*.py",
        "serving/server/http/templates/*.html",
        "kubeflow/*.py",
    ),
    *("kubeflow/*.yaml", "pipeline/beam/presets/*.yaml", "kubeflow/Dockerfile", "bootstrap/*.py"),
    *("compose.yaml", "deploy/serving/*.yaml", "deploy/serving/*/*.yaml", "deploy/flink/**/*.*"),
    *("benchmarks/**/*.py", "*.py", ".ci/*"),
)
WORDS = {"COMMENT", "STRING", "FSTRING_MIDDLE"}  # what people read in Python code
KEY = re.compile(r"""["'][\w.]+["']""")  # such as a key of a file that keeps its format
MARKUP = re.compile(r"\{[{%].*?[%}]\}|<[^>]*>")
GLOSSARY = re.compile(r"^## Language$.*", re.DOTALL | re.MULTILINE)


def comments_and_strings(code: str) -> str:
    """Returns the comments and strings of Python code, line by line where they were."""
    lines = [""] * (code.count("\n") + 1)
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if tokenize.tok_name[token.type] in WORDS and not KEY.fullmatch(token.string):
            text = re.sub(r"\{[^{}]*\}", "", token.string)  # before Python 3.12, of f-strings too
            for number, part in enumerate(text.split("\n"), token.start[0] - 1):
                lines[number] += f"{part} "
    return "\n".join(lines)


def prose(file: Path) -> str:
    """Returns a text without its code, line by line where it was."""
    text = file.read_text("utf-8")
    if file.suffix == ".py" and file.parent.name != "notebooks":
        text = comments_and_strings(text)
    if file.suffix == ".html":
        text = MARKUP.sub("", text)
    if file.name == "CONTRIBUTING.md":
        text = GLOSSARY.sub("", text)
    if file.suffix == ".md":
        text = re.sub(
            r"^```.*?^```$",
            lambda block: "\n" * block[0].count("\n"),
            text,
            flags=re.DOTALL | re.MULTILINE,
        )
    if file.parent.name == "notebooks":
        text = re.sub(r"^(?!# ).*$", "", text, flags=re.MULTILINE)
    return re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "``", text)


def dialect(text: str) -> list[str]:
    """Returns what to change, line by line."""
    return [
        f"line {number}: {found[0]!r}, write {better}"
        for number, line in enumerate(text.splitlines(), 1)
        for words, better in DIALECT.items()
        for found in re.finditer(words, line, re.IGNORECASE)
    ]


def files(patterns: tuple[str, ...]) -> list[Path]:
    """Returns what the patterns name; each must name something."""
    found = {pattern: sorted(PROJECT.glob(pattern)) for pattern in patterns}
    assert all(found.values()), found
    return [file for of_pattern in found.values() for file in of_pattern]


@pytest.mark.parametrize("file", files(TEXTS), ids=lambda file: str(file.relative_to(PROJECT)))
def test_texts_are_in_the_fields_words(file: Path) -> None:
    assert dialect(prose(file)) == []


def test_the_dialect_is_found_in_comments_and_strings_of_code(tmp_path: Path) -> None:
    (file := tmp_path / "x.py").write_text(
        '"""It judges."""\njudge = figure(f"{figure} is told `told`", "judged")  # asked\n', "utf-8"
    )
    assert sorted(re.findall(r"line (\d): '(.*?)'", "\n".join(dialect(prose(file))))) == [
        ("1", "judges"),
        ("2", "asked"),
        ("2", "is told"),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The model is judged on split eval", ["judged"]),
        ("Its Figures are told", ["Figures", "are told"]),
        ("items that are told apart; one asks for more", []),
        ("the judged `figures` of\n```\na judge\n```\nasked", ["judged", "asked"]),
        ("an answer that is no JSON", ["is no JSON"]),
    ],
)
def test_the_dialect_is_found_outside_code(text: str, words: list[str], tmp_path: Path) -> None:
    (file := tmp_path / "x.md").write_text(text, "utf-8")
    assert re.findall(r": '(.*?)', write", "\n".join(dialect(prose(file)))) == words
