"""Formats of click logs behind one seam: what a file has, its parts, and the rows of a part."""
