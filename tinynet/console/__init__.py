"""Text for whoever watches: sentences, tables, a line of progress; streams that may be closed."""
