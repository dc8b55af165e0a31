"""What can be said of a kernel that went wrong, in English; a page puts other words in their place.

A sentence names one of these texts and what is filled into it: numbers, names, other sentences.
"""

from collections.abc import Mapping
from dataclasses import dataclass

ENGLISH = {
    # who, what, where: parts of the sentences below
    "who": "block ({block}) thread ({thread})",
    "element": "{name}[{index}]",
    "field": "{name}[{index}]{field}",
    "element_of": "{name}[{index}], which is element ({indices}) of shape {shape},",
    "at": " at {file}:{line}",
    "read": "read",
    "write": "write",
    "atomic": "atomic",
    "is_read": "read",
    "is_written": "written",
    "is_updated": "updated atomically",
    # access to memory
    "outside": "{access} of {bytes} bytes at an address outside every argument, by {who}",
    "before": "{access} of {element}, before its first element, by {who}",
    "past": "{access} of {element}, past its {size} elements, by {who}",
    "no_bytes": "{access} of {element}, of which the launch asks for no byte, by {who}",
    "misaligned": "{access} of {bytes} bytes at byte {offset} of {name}, which is no multiple of "
    "its alignment: a GPU stops here; by {who}",
    "race": "{element} is {done} by {who} and {other_done} by {other}{at}, with no barrier between",
    "race_of_blocks": "{element} is {done} by {who} and {other_done} by {other}{at}, and nothing "
    "orders two blocks",
    "uninitialised": "{element} is read by {who}, and nothing has written it",
    # threads that wait
    "barrier_missed": "__syncthreads() is reached by {threads} threads of the block, but {who} has "
    "ended without it",
    "barriers_differ": "{other} waits at this __syncthreads() while {who} waits at the one of line "
    "{line}",
    "lane_not_named": "{who} takes part, but the mask {mask} does not name its lane",
    "lanes_missing": "mask {mask} names lanes that never arrive: {lanes}; {who} waits for them",
    # the end
    "crash": "{what}, in {who}",
    "overflow": "the thread's stack of 64 KiB overflowed: its local arrays are too large",
    "no_memory": "access to memory that does not exist, at address {address}",
    "division": "integer division by zero, or a quotient that does not fit",
    "signal": "stopped by {signal}",
    "assertion": "{text} does not hold, in {who}",
    "unsupported": "{text} (reached by {who})",
    "too_long": "the threads of block ({block}) take more than 16 million steps without a barrier, "
    "too many to put side by side: profile a smaller size",
    "time_limit": "stopped after {seconds} s in {who}; of its block's threads {stand}. A thread "
    "that spins until another one writes never ends here; for a kernel that is only slow, set "
    "TINYNET_SIM_TIMEOUT",
    # where the threads of a block stood then, in the order of `sim::Stand` in findings.cpp
    "not_begun": "{count} not begun",
    "running": "{count} running",
    "at_barrier": "{count} at the barrier of line {line}",
    "at_lanes": "{count} waiting for other lanes on line {line}",
    "released": "{count} about to go on",
    "ended": "{count} ended",
    "in_step": "{count} in step with its warp",
}
STANDS = ("not_begun", "running", "at_barrier", "at_lanes", "released", "ended")


@dataclass(frozen=True)
class Sentence:
    """A text by its key in ENGLISH, and what it speaks of, by name; a list is told with commas."""

    key: str
    of: Mapping[str, "str | int | Sentence | list[Sentence]"]

    def told(self, texts: Mapping[str, str] = ENGLISH) -> str:
        """The sentence in words: those of `texts`."""

        def word(value: "str | int | Sentence | list[Sentence]") -> object:
            if isinstance(value, list):
                return ", ".join(each.told(texts) for each in value)
            return value.told(texts) if isinstance(value, Sentence) else value

        return texts[self.key].format(**{name: word(value) for name, value in self.of.items()})


def sentence(key: str, **of: "str | int | Sentence | list[Sentence]") -> Sentence:
    return Sentence(key, of)
