"""Text for whoever watches, and the streams it goes to.

sentences.py          lists of names, numbers of things, percentages
printable.py          names of files and classes, whatever they hold
table.py              rows of cells in columns
arguments.py          the parser of a command line
progress.py           a bar on a terminal, plain lines elsewhere
standard_streams.py   output that is closed, lacks letters, or that nobody reads any more
"""
