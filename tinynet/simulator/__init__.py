"""The simulator."""

from tinynet.simulator.compiler import unavailable
from tinynet.simulator.errors import ArgumentError, CompilerMissing, KernelError
from tinynet.simulator.module import RawModule

__all__ = ["ArgumentError", "CompilerMissing", "KernelError", "RawModule", "unavailable"]
