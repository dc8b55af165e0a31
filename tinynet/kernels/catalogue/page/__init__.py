"""The page of a kernel: its text, and a warp that can be stepped through it, in any browser.

    python -m tinynet.kernels conv --page conv.html

One file that needs nothing else. What is in it was recorded by the simulator from the real .cu
text (simulator/kernels/recording.py); the page only shows it.

    words.py       all words of the page, in each language
    story.py       a launch as the page's script gets it: numbers and names
    listings.py    CUDA and Python as HTML, with colours
    document.py    the page, and the index of several
    shown.py       how the kernels of tinynet are launched to be shown: small, with every case
    pages.py       their pages, written
    inline.py      one of them inside a notebook

In web/ is what a browser runs: page.html and index.html with style.css, and the scripts, read
after that of tinynet/pages in this order: story.js (what was recorded), pictures.js (arrays,
sectors, banks), memories.js (which of them, and what was touched before), warp.js (lanes, timeline,
grid), listing.js (the text with its costs), counts.js (findings and all counts), page.js (steps,
keys, and all put together).
"""
