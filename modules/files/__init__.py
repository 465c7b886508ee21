"""Files as users have them: patterns, encodings, compression, digests."""
