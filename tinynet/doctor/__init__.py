"""The training doctor: watches a run cheaply, and says in sentences what goes wrong and what helps.

It measures little, and seldom: the loss at each step and the waiting for data at each line of the
log; every 50 steps what 32 images make of each layer, and how large the steps are beside the
weights. That is less than 1 % of a training's time, and changes none of its bits.

To read in this order: `finding.py`, what is said; `look.py` and `updates.py`, what is measured; the
observers, each with one idea: `fading.py`, `stuck.py`, `dead.py`, `bad_numbers.py`, `loading.py`,
`overfitting.py`; `memory.py`, what was said already; `doctor.py`, who is asked when.
"""

from tinynet.doctor.doctor import Doctor
from tinynet.doctor.finding import Finding

__all__ = ["Doctor", "Finding"]
