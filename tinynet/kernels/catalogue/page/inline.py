"""The page of one of tinynet's kernels inside a notebook: the last value of a cell is shown."""

from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from tinynet.kernels.catalogue.page.pages import write_pages


class InlinePage:
    """The page of `kernel`, such as "max_pool_forward", in a frame of this height in pixels.

    ValueError without a C++ compiler, which the simulator needs to record what it shows.
    """

    def __init__(self, kernel: str, height: int = 700, lang: str = "en"):
        self.kernel, self.height = kernel, height
        with TemporaryDirectory() as folder:
            path = Path(folder) / "page.html"
            write_pages([kernel], path, lang)
            self.html = path.read_text(encoding="utf-8")

    def __repr__(self) -> str:
        return f"the page of {self.kernel}, {len(self.html):,} characters of HTML"

    def _repr_html_(self) -> str:
        frame = f'width="100%" height="{self.height}" style="border: 0"'
        return f'<iframe {frame} srcdoc="{escape(self.html)}"></iframe>'
