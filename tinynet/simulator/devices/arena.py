"""How CuPy's memory pool cuts up one device's memory.

It takes a block from the driver, of the size that was asked for, and keeps it when its array dies.
The next array gets the smallest free piece that is large enough, cut to size; what is cut off is a
free piece too. Free neighbours in a block become one again. So what the pool has taken is more than
what it has handed out: free pieces may each be too small for what is wanted next.
"""

from bisect import bisect_left, insort

GRANULE = 512  # bytes; the sizes of all pieces are multiples of it


class Piece:
    """A part of a block; `before` and `after` are its neighbours there."""

    __slots__ = ("after", "before", "is_free", "size")

    def __init__(self, size: int, before: "Piece | None" = None, after: "Piece | None" = None):
        self.size, self.before, self.after, self.is_free = size, before, after, False


class Arena:
    """taken: bytes from the driver. used: bytes of pieces that hold arrays."""

    def __init__(self) -> None:
        self.taken = self.used = 0
        self._free: dict[int, list[Piece]] = {}  # by size
        self._sizes: list[int] = []  # of free pieces, sorted

    def hand_out(self, nbytes: int, limit: int) -> Piece | None:
        """A piece for an array; None if it would take more than `limit` (0: none) bytes."""
        size = -(-nbytes // GRANULE) * GRANULE
        if size == 0:
            return Piece(0)  # of no block
        place = bisect_left(self._sizes, size)
        if place < len(self._sizes):
            piece = self._free[self._sizes[place]][-1]
            self._remove(piece)
            self._cut(piece, size)
        else:
            if limit and self.taken + size > limit:
                self.give_up_free_blocks()
            if limit and self.taken + size > limit:
                return None
            piece = Piece(size)
            self.taken += size
        self.used += piece.size
        return piece

    def take_back(self, piece: Piece) -> None:
        if piece.size == 0:
            return
        self.used -= piece.size
        if piece.after is not None and piece.after.is_free:
            self._remove(piece.after)
            self._join(piece, piece.after)
        if piece.before is not None and piece.before.is_free:
            piece, after = piece.before, piece
            self._remove(piece)
            self._join(piece, after)
        self._add(piece)

    def give_up_free_blocks(self) -> None:
        """Back to the driver goes every block that holds nothing."""
        whole = [
            piece
            for pieces in self._free.values()
            for piece in pieces
            if piece.before is None and piece.after is None
        ]
        for piece in whole:
            self._remove(piece)
            self.taken -= piece.size

    def _cut(self, piece: Piece, size: int) -> None:
        if piece.size == size:
            return
        rest = Piece(piece.size - size, piece, piece.after)
        if rest.after is not None:
            rest.after.before = rest
        piece.size, piece.after = size, rest
        self._add(rest)

    @staticmethod
    def _join(piece: Piece, after: Piece) -> None:
        piece.size += after.size
        piece.after = after.after
        if piece.after is not None:
            piece.after.before = piece

    def _add(self, piece: Piece) -> None:
        piece.is_free = True
        if piece.size not in self._free:
            insort(self._sizes, piece.size)
            self._free[piece.size] = []
        self._free[piece.size].append(piece)

    def _remove(self, piece: Piece) -> None:
        piece.is_free = False
        pieces = self._free[piece.size]
        pieces.remove(piece)
        if not pieces:
            del self._free[piece.size]
            self._sizes.remove(piece.size)
