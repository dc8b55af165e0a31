"""What is made of finished runs: figures, tables of layers, ablations.

The files, in the order to read them:

canvas.py           what figures are drawn on, whatever the user's matplotlib is set to
intervals.py        what the lines of a log stand for
curves.py           learning curves
plot.py             filters, predictions, neighbours, confusion matrix
mistakes.py         which class is taken for which, and the surest mistakes
expected_curve.py   a run's errors beside those to expect
summary.py          the layers of a network, counted
layers_beside.py    the layers of two networks side by side
features.py         images that are alike to the last hidden layer
colour_score.py     how much of a filter is colour
page/               a run in one page for the browser
verdict.py          is a claim reproduced, or not, or not decided by so few runs?
ablation.py         runs with a part and without it, figure by figure
ablation_table.py   the same in a table, beside what the authors found
claims.py           what the runs of a claim say
claims_table.py     the same as text
claims_page.py      and as a page, docs/claims.md
claim_figure.py     with a figure for each
"""
