"""Files instead of streams: books, market files and level histories through the same engine."""
