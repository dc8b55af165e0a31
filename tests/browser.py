"""A real browser for tests: Chromium without a window, driven by chromedriver (W3C WebDriver).

with Browser(width=390, height=844) as browser:
    browser.open(path)
    browser.press("ArrowRight")
    browser.run("return document.title")
    assert browser.errors() == [] and browser.requests() == [path.as_uri()]

python tests/browser.py docs/kernels/max_pool.html#0.0.0.17 docs/kernels/max_pool.png
python tests/browser.py runs/first/report.html#live:3:conv1:4:9:12 docs/report.png
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

DRIVER, CHROMIUM = shutil.which("chromedriver"), shutil.which("chromium")
MISSING = (
    None
    if DRIVER and CHROMIUM
    else "no chromium with its chromedriver: apt-get install chromium chromium-driver"
)
ARGUMENTS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--no-default-browser-check", "--disable-dev-shm-usage",
    "--hide-scrollbars",
]  # fmt: skip
KEYS = {"ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowRight": "\ue014", "ArrowDown": "\ue015",
        "Home": "\ue011", "End": "\ue010", "PageDown": "\ue00f"}  # fmt: skip


class Browser:
    """One window of this size, in CSS pixels."""

    def __init__(self, width: int = 1280, height: int = 900):
        self.size = width, height

    def __enter__(self) -> "Browser":
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._base = f"http://127.0.0.1:{port}"
        self._driver = subprocess.Popen(
            [DRIVER, f"--port={port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": self._folder.name},
        )
        try:
            self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *raised) -> None:
        if hasattr(self, "_session"):
            self._call("DELETE", self._session)
        self._driver.terminate()
        self._driver.wait()
        self._folder.cleanup()

    def _begin(self) -> None:
        options = {"binary": CHROMIUM, "args": [*ARGUMENTS, f"--user-data-dir={self._folder.name}"]}
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        deadline = time.monotonic() + 60
        while True:
            try:
                body = {"capabilities": {"alwaysMatch": wanted}}
                session = self._call("POST", "/session", body)["sessionId"]
                break
            except (URLError, ConnectionError):  # the driver is not listening yet
                if time.monotonic() > deadline or self._driver.poll() is not None:
                    raise
                time.sleep(0.05)
        self._session = f"/session/{session}"
        width, height = self.size
        self._call("POST", f"{self._session}/url", {"url": "about:blank"})
        self.requests()  # Chromium's own, of its first tab
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip

    def _call(self, method: str, path: str, body: dict | None = None) -> object:
        data = None if body is None else json.dumps(body).encode()
        request = Request(
            self._base + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None

    def devtools(self, command: str, **parameters: object) -> object:
        body = {"cmd": command, "params": parameters}
        return self._call("POST", f"{self._session}/goog/cdp/execute", body)

    def prefer(self, **features: str) -> None:
        """prefer(prefers_color_scheme="dark"): what a style sheet may ask of its user."""
        named = [{"name": name.replace("_", "-"), "value": v} for name, v in features.items()]
        self.devtools("Emulation.setEmulatedMedia", features=named)

    def open(self, path: Path, fragment: str = "") -> None:
        url = path.resolve().as_uri() + (f"#{fragment}" if fragment else "")
        self._call("POST", f"{self._session}/url", {"url": url})

    def run(self, script: str, *arguments: object) -> object:
        """What the script returns; it finds its arguments in `arguments`."""
        body = {"script": script, "args": arguments}
        return self._call("POST", f"{self._session}/execute/sync", body)

    def press(self, key: str) -> None:
        value = KEYS.get(key, key)
        actions = [{"type": kind, "value": value} for kind in ("keyDown", "keyUp")]
        keyboard = {"type": "key", "id": "keyboard", "actions": actions}
        self._call("POST", f"{self._session}/actions", {"actions": [keyboard]})

    def click(self, selector: str) -> None:
        found = self._call(
            "POST", f"{self._session}/element", {"using": "css selector", "value": selector}
        )
        (element,) = found.values()
        self.run("arguments[0].scrollIntoView({block: 'center'})", found)
        self._call("POST", f"{self._session}/element/{element}/click", {})

    def errors(self) -> list[str]:
        """What the console has said that is more than a note, since it was last asked."""
        rows = self._call("POST", f"{self._session}/se/log", {"type": "browser"})
        return [row["message"] for row in rows if row["level"] in ("SEVERE", "WARNING")]

    def requests(self) -> list[str]:
        """The addresses asked for, since it was last asked."""
        rows = self._call("POST", f"{self._session}/se/log", {"type": "performance"})
        messages = [json.loads(row["message"])["message"] for row in rows]
        asked = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return [each["request"]["url"] for each in asked]

    def screenshot(self) -> bytes:
        return base64.b64decode(self._call("GET", f"{self._session}/screenshot"))


def main(page: str, picture: str) -> None:
    path, _, fragment = page.partition("#")
    with Browser(1280, 860) as browser:
        browser.open(Path(path), fragment)
        time.sleep(3)  # until what it computes is drawn
        Path(picture).write_bytes(browser.screenshot())


if __name__ == "__main__":
    if MISSING:
        sys.exit(f"error: {MISSING}")
    main(*sys.argv[1:])
