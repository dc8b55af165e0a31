"""Text for whoever watches, and the streams it goes to.

sentences.py          lists of names, numbers of things, percentages
table.py              rows of cells in columns
arguments.py          the parser of a command line
progress.py           a bar on a terminal, plain lines elsewhere
standard_streams.py   output that is closed, or that nobody reads any more
"""
