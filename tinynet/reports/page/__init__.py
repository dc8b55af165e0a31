"""A run in one page, `report.html`, for any browser: the file needs nothing else.

    words.py     all words of the page, in each language
    settings.py  what the run was asked for, and what of that is not the paper's
    curves.py    the log as curves, with what was changed and what the doctor said
    pictures.py  mistakes, confusion, neighbours, filters, as data with pictures
    layers.py    the layers, counted
    packing.py   weights in few bytes
    computed.py  a layer as data, to be computed again
    live.py      the network itself, as the page computes it
    document.py  the page from its parts

In web/ is what a browser runs: report.html with style.css, and the scripts, read after that of
tinynet/pages in this order: elements.js (tables, sections), curves.js, pictures.js, forward.js (the
network), maps.js (a layer's maps), explain.js (where a pixel comes from), sheets.js (all layers,
and which pixel is asked about), live.js (which image, and what comes of it), page.js.
"""

from tinynet.reports.page.words import WORDS

LANGUAGES = tuple(WORDS)
