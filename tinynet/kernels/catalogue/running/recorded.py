"""The page of any launches of a .cu file: `python -m tinynet.kernels run my.cu '...' --page`."""

from dataclasses import dataclass, field
from pathlib import Path

from tinynet.console.standard_streams import silent
from tinynet.kernels.catalogue.page.document import Text, write_page
from tinynet.kernels.catalogue.page.story import Shown
from tinynet.kernels.catalogue.running.checking import run
from tinynet.kernels.catalogue.running.launches import Assignment, Launch
from tinynet.kernels.catalogue.running.program import Program
from tinynet.simulator import KernelError
from tinynet.simulator.kernels.device_part import CudaFile
from tinynet.simulator.kernels.module import Kernel
from tinynet.simulator.kernels.recording import Recording

MOST_WARPS = 128  # of a launch, where nothing else is asked for


@dataclass(frozen=True)
class Part:
    """What of each launch to record: blocks and warps; None leaves it to us."""

    blocks: range | None = None
    warps: range | None = None


@dataclass
class _Recorder:
    """Records the launches of a program in their order, up to one that fails."""

    part: Part
    launches: list[Launch] = field(default_factory=list)
    recordings: list[Recording] = field(default_factory=list)
    in_part: list[bool] = field(default_factory=list)
    parameters: list[tuple[str, ...]] = field(default_factory=list)

    def launch(self, launch: Launch, kernel: Kernel, args: tuple) -> None:
        blocks, warps = _chosen(self.part, launch)
        if blocks.start >= _blocks(launch) or warps.start >= _warps(launch) // _blocks(launch):
            each = _warps(launch) // _blocks(launch)
            reason = f"there are {_blocks(launch):,} blocks of {each} warps"
            raise ValueError(f"--blocks, --warps: {launch.expression}: {reason}")
        recording = kernel.record(*args, blocks=blocks, warps=warps)
        if recording.error is not None and not recording.warps:
            raise recording.error  # in a block before those that were asked for
        self.launches.append(launch)
        self.recordings.append(recording)
        self.parameters.append(tuple(each.name for each in kernel.text.parameters))
        fewer = len(recording.warps) < _warps(launch) and not recording.error
        self.in_part.append(fewer or recording.full)
        if recording.error is not None:
            raise recording.error


def write_program_page(
    path: Path,
    file: CudaFile,
    statements: list[Launch | Assignment],
    seed: int,
    part: Part,
    lang: str = "en",
) -> tuple[list[str], list[str]]:
    """Write the page; returns what was found, and what is to be said of the page, in a line each.

    KernelError for what does not compile or fit a GPU; ValueError for bad input.
    """
    ran = run(Program(file, statements, "check", seed), [])
    recorder = _Recorder(part)
    try:
        with silent(True):  # check mode has let the kernels print
            Program(file, statements, "profile", seed).run(recorder.launch)
    except KernelError:
        if not recorder.recordings or recorder.recordings[-1].error is None:
            raise  # before the kernel ran
    shown = [
        Shown(
            recording,
            title=launch.expression,
            about=_comment_above(file, recording),
            order=parameters,
            call=launch.line,
            findings=ran.of(launch),
            part=in_part,
        )
        for launch, recording, parameters, in_part in zip(
            recorder.launches, recorder.recordings, recorder.parameters, recorder.in_part
        )
    ]
    header = _header(file.texts[file.name])
    text = Text(Path(file.name).stem, file.texts, tuple(header), tuple(_paragraph(header)))
    write_page(path, text, shown, lang)
    found = [str(error).splitlines()[0] for error in ran.errors]
    fewer = [_told(each, launch) for each, launch in zip(shown, recorder.launches) if each.part]
    return list(dict.fromkeys(found)), fewer


def _chosen(part: Part, launch: Launch) -> tuple[range, range]:
    """The blocks and warps to record: those asked for; else as many blocks as are not too many."""
    each = max(1, _warps(launch) // _blocks(launch))
    blocks = part.blocks or range(max(1, MOST_WARPS // each))
    return blocks, part.warps or range(32)


def _blocks(launch: Launch) -> int:
    x, y, z = (*launch.grid, 1, 1)[:3]
    return x * y * z


def _warps(launch: Launch) -> int:
    x, y, z = (*launch.block, 1, 1)[:3]
    return _blocks(launch) * -(-x * y * z // 32)


def _told(shown: Shown, launch: Launch) -> str:
    recorded = len(shown.recording.warps)
    return (
        f"{shown.title}: {recorded} of {_warps(launch):,} warps are in the page; choose others "
        "with --blocks 0:2 --warps 0"
    )


def _comment_above(file: CudaFile, recording: Recording) -> tuple[str, ...]:
    """The // comment right above the kernel."""
    kernel = recording.kernel.partition("<")[0]
    lines = file.texts.get(recording.file, [])
    at = next((k.line for k in file.kernels if k.name == kernel and k.file == recording.file), 0)
    end = at - 1
    while end > 0 and lines[end - 1].startswith("template"):
        end -= 1
    first = end
    while first > 0 and lines[first - 1].startswith("//"):
        first -= 1
    return tuple(lines[first:end])


def _header(lines: list[str]) -> list[str]:
    """The // comment at the top of the file, unless it is a kernel's own."""
    count = next((i for i, line in enumerate(lines) if not line.startswith("//")), len(lines))
    own = count < len(lines) and lines[count].strip()
    return [] if own and not lines[count].startswith("#") else lines[:count]


def _paragraph(header: list[str]) -> list[str]:
    return header[: next((i for i, line in enumerate(header) if not line.strip("/ ")), len(header))]
