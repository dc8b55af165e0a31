"""The training doctor: watches a run cheaply, and says in sentences what goes wrong and what helps.

It measures little, and seldom: the loss at each step, and the wait for data at each line of the
log; every 50 steps, how each layer responds to 32 images, and how large the steps are relative to
the weights. That takes less than 1 % of the training time, and changes none of its bits.

To read in this order: `finding.py`, what is said; `look.py` and `updates.py`, what is measured; the
observers, each with one idea: `fading.py`, `dead.py`, `stuck.py`, `bad_numbers.py`, `loading.py`,
`overfitting.py`; `memory.py`, what has been said already; `doctor.py`, who is asked when.
"""

from tinynet.training.doctor.doctor import Doctor
from tinynet.training.doctor.finding import Finding

__all__ = ["Doctor", "Finding"]
