"""The exported model: what it computes, and the content of its files."""
