"""Every example in a docstring is run, and prints what stands under it."""

import doctest
from importlib import import_module

import pytest
from imports import ROOT, modules

WITH_EXAMPLES = sorted(
    name
    for name, path in modules(ROOT, "tinynet").items()
    if ">>> " in path.read_text(encoding="utf-8")
)


def test_there_are_examples_in_what_users_call_first():
    assert {"tinynet.containers", "tinynet.functional", "tinynet.optim"} <= {*WITH_EXAMPLES}


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_print_what_they_show(name):
    module = import_module(name)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0 and result.failed == 0
