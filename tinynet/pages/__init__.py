"""What pages in a browser have in common, whoever makes them: one file, which needs nothing else.

`template.py` fills a page in. In web/ are `base.css`, the colours by day and by night and how
headings, buttons and tables look, and `base.js`, what every page's script begins with: its data,
its words, the colours for its canvases.
"""
