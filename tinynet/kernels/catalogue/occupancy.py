"""Occupancy: how many warps of a kernel a multiprocessor has room for, of those it could hold.

    occupancy("8.0", threads=256, registers=40, shared=0)    6 blocks, 48 of 64 warps: registers

Blocks stay on a multiprocessor until they end, and the more warps there are, the better one hides
what another waits for. What is divided among them, by the rules of NVIDIA's cuda_occupancy.h:

    warps, blocks     no more than so many
    registers         for a warp those of 32 threads, rounded up to 256; each of the partitions of a
                      multiprocessor has its share of the registers, and its own warps
    shared memory     of a block, with what the system reserves for it, rounded up

The limits are those of the table "Technical specifications per compute capability" of the CUDA C++
Programming Guide.
"""

from dataclasses import dataclass

WARP = 32
REGISTERS = 65536  # of a multiprocessor
REGISTER_UNIT = 256
MOST_REGISTERS = 255  # of a thread
KB = 1024


@dataclass(frozen=True)
class Multiprocessor:
    """warps and blocks it can hold; shared: bytes it has, and a block may have at most."""

    warps: int
    blocks: int
    shared: int
    shared_of_block: int
    reserved: int = 0  # of shared memory, for each block
    shared_unit: int = 256
    partitions: int = 4
    registers_of_block: int = REGISTERS


def _from_ampere(warps: int, blocks: int, shared: int) -> Multiprocessor:
    return Multiprocessor(warps, blocks, shared * KB, (shared - 1) * KB, 1 * KB, 128)


MULTIPROCESSORS = {
    "5.0": Multiprocessor(64, 32, 64 * KB, 48 * KB),
    "5.2": Multiprocessor(64, 32, 96 * KB, 48 * KB),
    "5.3": Multiprocessor(64, 32, 64 * KB, 48 * KB, registers_of_block=32768),
    "6.0": Multiprocessor(64, 32, 64 * KB, 48 * KB, partitions=2),
    "6.1": Multiprocessor(64, 32, 96 * KB, 48 * KB),
    "6.2": Multiprocessor(64, 32, 64 * KB, 48 * KB, registers_of_block=32768),
    "7.0": Multiprocessor(64, 32, 96 * KB, 96 * KB),
    "7.2": Multiprocessor(64, 32, 96 * KB, 96 * KB),
    "7.5": Multiprocessor(32, 16, 64 * KB, 64 * KB),
    "8.0": _from_ampere(64, 32, 164),
    "8.6": _from_ampere(48, 16, 100),
    "8.7": _from_ampere(48, 16, 164),
    "8.9": _from_ampere(48, 24, 100),
    "9.0": _from_ampere(64, 32, 228),
    "10.0": _from_ampere(64, 32, 228),
    "12.0": _from_ampere(48, 24, 100),
}


@dataclass(frozen=True)
class Occupancy:
    """blocks that a multiprocessor holds at once, with so many warps of the most it can hold.

    limits   which resources allow no more: of "warps", "blocks", "registers", "shared memory"
    """

    blocks: int
    warps: int
    most_warps: int
    limits: tuple[str, ...]

    @property
    def share(self) -> float:
        return self.warps / self.most_warps


def occupancy(capability: str, threads: int, registers: int | None, shared: int) -> Occupancy:
    """Of blocks of `threads` threads with `registers` each, None: unknown, and `shared` bytes.

    ValueError if the compute capability is not known.
    """
    its = known_capability(capability)
    warps = -(-threads // WARP)
    room = {"warps": its.warps // warps, "blocks": its.blocks}
    if registers:
        room["registers"] = _by_registers(its, warps, registers)
    if shared:
        room["shared memory"] = _by_shared(its, shared)
    blocks = min(room.values())
    limits = tuple(name for name, most in room.items() if most == blocks)
    return Occupancy(blocks, blocks * warps, its.warps, limits)


def known_capability(capability: str) -> Multiprocessor:
    """The multiprocessor of this compute capability; ValueError if it is not known."""
    if capability not in MULTIPROCESSORS:
        known = ", ".join(MULTIPROCESSORS)
        raise ValueError(f"compute capability {capability!r} is not known; known are {known}")
    return MULTIPROCESSORS[capability]


def _by_registers(its: Multiprocessor, warps: int, registers: int) -> int:
    of_warp = _up(registers * WARP, REGISTER_UNIT)
    if registers > MOST_REGISTERS or of_warp * _up(warps, its.partitions) > its.registers_of_block:
        return 0
    return REGISTERS // its.partitions // of_warp * its.partitions // warps


def _by_shared(its: Multiprocessor, shared: int) -> int:
    if shared > its.shared_of_block:
        return 0
    return its.shared // _up(shared + its.reserved, its.shared_unit)


def _up(number: int, unit: int) -> int:
    return -(-number // unit) * unit
