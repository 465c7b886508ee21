"""Options of the file with the catalogue's items."""

from __future__ import annotations

import dataclasses

from modules.config.fields import Section, option
from modules.messages.quoting import quote


@dataclasses.dataclass(frozen=True)
class ItemOptions(Section):
    """An optional file with a row per item, for names and categories."""

    file: str | None = option(
        None,
        "path or pattern of the files, local or at a URI: TSV or CSV, Parquet, or JSON lines; null "
        "for none",
    )
    id_column: str = option("item_id", "name of the column with the item id, as in the click log")
    name_column: str | None = option(
        None, "name of the column with the text that people know an item by; null for none"
    )
    category_column: str | None = option(
        None,
        "name of the column with an item's category, a text or a list of texts; null for none",
    )
    delimiter: str | None = option(
        None,
        "of text files: one character, a tab also as `\\t` or `tab`; null for a comma in `.csv` "
        "files, packed or not, else a tab",
        spellings={r"\t": "\t", "tab": "\t"},
    )

    def column_options(self) -> tuple[str, ...]:
        """Returns the options that name a column that is used: of the item id first."""
        more = ("name_column", "category_column")
        return ("id_column", *(name for name in more if getattr(self, name) is not None))

    def problems(self) -> list[str]:
        """Returns one message per value that cannot be used."""
        problems = [
            f"{name} must be the name of a column, got {quote(getattr(self, name))}"
            for name in self.column_options()
            if not (isinstance(getattr(self, name), str) and getattr(self, name).strip())
        ]
        if self.file is None:
            problems += [
                f"{name} needs items.file, the file that it is about"
                for name in ("name_column", "category_column", "delimiter")
                if getattr(self, name) is not None
            ]
        if self.delimiter is not None and not (
            isinstance(self.delimiter, str)
            and len(self.delimiter) == 1
            and self.delimiter.isascii()
            and self.delimiter not in '"\r\n\0'
        ):
            problems.append(
                "delimiter must be one ASCII character other than a quote or a line end, or null, "
                f"got {quote(self.delimiter)}"
            )
        return problems + super().problems()
