"""The whole demo for journeys: real processes, real HTTP, and a browser where there is one."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import judged
import pytest
import uvicorn
from ehr_screen import Screen
from playwright.sync_api import sync_playwright
from ports import free_port
from processes import Kept, bare_environment

from store import migrate
from taperguard import settings as settings_module
from taperguard import wiring
from taperguard.app import create_app

AXE = (Path(__file__).parents[1] / "support" / "axe.min.js").read_text(encoding="utf-8")
ROOT = Path(__file__).parents[2]


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


@contextmanager
def kept(command: list[str], log: Path, **environment: str) -> Iterator[None]:
    """A process with all its children, until the end of the block or of this process."""
    clean = bare_environment()
    process = Kept(command, log, environment=environment, surroundings=clean, grace_seconds=15)
    try:
        yield
    finally:
        process.stop()


@dataclass(frozen=True)
class Running:
    """Where the demo is: the service and the sandbox EHR; `data` is what they keep."""

    service: str
    ehr: str
    data: Path

    def logs(self) -> str:
        """All that the service's processes have written to their logs."""
        files = sorted((self.data / "logs").glob("*.log"))
        assert [file.name for file in files if file.name == "service.log"]
        return "\n".join(file.read_text(encoding="utf-8") for file in files)


@pytest.fixture(scope="session")
def demo() -> Iterator[Running]:
    """`taperguard demo` on free ports with a data folder of its own."""
    port, sandbox_port = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="tg-", dir="/tmp") as folder:
        log, data = Path(folder) / "demo.log", Path(folder) / "data"
        running = Running(f"http://127.0.0.1:{port}", f"http://localhost:{sandbox_port}", data)
        environment = {
            "TAPERGUARD_DATA": str(data),
            "TAPERGUARD_PORT": str(port),
            "SANDBOX_PORT": str(sandbox_port),
        }
        with kept([sys.executable, "-m", "taperguard", "demo"], log, **environment):
            _wait(lambda: log.exists() and "\nReady:" in log.read_text(), log)
            yield running
        assert judged.calls_in([Path(folder)]) == []


@pytest.fixture
def confidential(tmp_path: Path) -> Iterator[Running]:
    """The service and the sandbox EHR, where the service signs in with its key."""
    port, sandbox_port = free_port(), free_port()
    data, file = tmp_path / "data", tmp_path / "ehrs.toml"
    running = Running(f"http://127.0.0.1:{port}", f"http://localhost:{sandbox_port}", data)
    file.write_text(
        f"""
[[ehr]]
id = "sandbox"
name = "Sandbox EHR"
issuer = "{running.ehr}/fhir"
fhir_base = "{running.ehr}/fhir"
time_zone = "UTC"
client_id = "taperguard-confidential"
client_auth = "private_key_jwt"

[[ehr.cds_clients]]
issuer = "{running.ehr}"
jwks_url = "{running.ehr}/cds/jwks.json"
"""
    )
    sandbox = [
        *(sys.executable, "-m", "taperguard.sandbox", "--port", str(sandbox_port)),
        *("--data", str(tmp_path / "ehr"), "--service-url", running.service),
    ]
    service = [sys.executable, "-m", "taperguard", "serve"]
    environment = {
        "TAPERGUARD_DATA": str(data),
        "TAPERGUARD_PORT": str(port),
        "TAPERGUARD_EHRS_FILE": str(file),
    }
    logs = data / "logs"
    logs.mkdir(parents=True)
    with (
        kept(sandbox, tmp_path / "sandbox.log"),
        kept(service, logs / "service.log", **environment),
    ):
        _wait(lambda: answers(f"{running.ehr}/healthz"), tmp_path / "sandbox.log")
        _wait(lambda: answers(f"{running.service}/readyz"), logs / "service.log")
        yield running
    assert judged.calls_in([tmp_path]) == []


@pytest.fixture
def ehr_asking(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """`ehr_asking(url)`: the address of a sandbox EHR that asks the service at this address."""
    with ExitStack() as running:

        def start(service: str) -> str:
            port = free_port()
            command = [
                *(sys.executable, "-m", "taperguard.sandbox", "--port", str(port)),
                *("--data", str(tmp_path / f"ehr-{port}"), "--service-url", service),
            ]
            log = tmp_path / f"ehr-{port}.log"
            running.enter_context(kept(command, log))
            _wait(lambda: answers(f"http://localhost:{port}/healthz"), log)
            return f"http://localhost:{port}"

        yield start  # what it hears of a service that is none of ours is not judged


@pytest.fixture
def lonely(ehr_asking: Callable[[str], str]) -> str:
    """The address of a sandbox EHR whose safety service is down."""
    return ehr_asking(f"http://127.0.0.1:{free_port()}")


@pytest.fixture(scope="session")
def served() -> Callable[..., Any]:
    """The service in this process with its store at hand: a context manager.

    Gives the house and where it runs. The sandbox EHR beside it is a process, as in the demo.
    `ehrs` is the text of `ehrs.toml` with `{ehr}` for its address; other settings by name.
    """

    @contextmanager
    def serve(ehrs: str | None = None, **given: Any) -> Iterator[tuple[wiring.House, Running]]:
        port, sandbox_port = free_port(), free_port()
        with tempfile.TemporaryDirectory(prefix="tg-", dir="/tmp") as folder:
            data = Path(folder) / "data"
            running = Running(f"http://127.0.0.1:{port}", f"http://localhost:{sandbox_port}", data)
            sandbox = [
                *(sys.executable, "-m", "taperguard.sandbox", "--port", str(sandbox_port)),
                *("--data", f"{folder}/ehr", "--service-url", running.service),
            ]
            if ehrs is not None:
                given["ehrs_file"] = Path(folder) / "ehrs.toml"
                given["ehrs_file"].write_text(ehrs.format(ehr=running.ehr), encoding="utf-8")
            settings = settings_module.load(
                data=data,
                port=port,
                sandbox_port=sandbox_port,
                broker_url="redis+socket:///nowhere/broker.sock",
                **given,
            )
            house = wiring.build(settings)
            migrate.upgrade(house.engine)
            # Without its lifespan: the relay would only look for a broker.
            server = uvicorn.Server(
                uvicorn.Config(create_app(house), port=port, log_config=None, lifespan="off")
            )

            async def run() -> None:
                await server.serve()
                await house.ehr_clients.close()

            thread = threading.Thread(target=lambda: asyncio.run(run()))
            log = Path(folder) / "sandbox.log"
            with kept(sandbox, log):
                thread.start()
                try:
                    _wait(lambda: answers(f"{running.ehr}/healthz"), log)
                    _wait(lambda: server.started, log)
                    yield house, running
                finally:
                    server.should_exit = True
                    thread.join(10)
                    house.close()

    return serve


def _wait(ready: Callable[[], bool], log: Path, seconds: float = 150) -> None:
    until = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > until:
            said = log.read_text() if log.exists() else ""
            pytest.fail(f"it did not come up in {seconds} s:\n{said}")
        time.sleep(0.1)


@pytest.fixture
def ordering(demo: Running) -> Iterator[Callable[[str], Screen]]:
    """`ordering("alder")`: a patient's ordering screen in the demo, without a browser."""
    with httpx2.Client(base_url=demo.ehr, timeout=20, trust_env=False) as client:
        yield lambda patient: Screen(client, patient)


# --- a browser --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Headless Chromium of this machine; without one, browser tests do not run.

    For one module, not longer: while playwright lives, its event loop runs in this thread, and
    no other test could start one.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


Scenes = tuple[tuple[int, str], ...]
"""Widths in px, each with a colour scheme."""

EVERY_SCENE: Scenes = ((1024, "light"), (1024, "dark"), (390, "light"), (390, "dark"))
TWO_SCENES: Scenes = ((1024, "light"), (390, "dark"))
"""Both widths and both schemes, at half the time: what the widths change is not the colours."""


class Window:
    """A browser window that complains about what the browser complains about."""

    def __init__(self, browser: Any, base: str, pictures: Path) -> None:
        self.context = browser.new_context(
            base_url=base,
            viewport={"width": 1024, "height": 768},
            color_scheme="light",
            reduced_motion="reduce",
        )
        self.page = self.context.new_page()
        self.pictures = pictures
        self.complaints: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: Any) -> None:
        # A form that is refused with 422 is no fault of the page.
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            self.complaints.append(message.text)

    def press(self, button: Any) -> None:
        """Press a button or a link, and wait for the whole page that comes."""
        with self.page.expect_navigation():
            button.click()

    def sign(self, name: str | re.Pattern[str]) -> None:
        """Press the button that signs; when there are cards first, see them and press again."""
        self.press(self.page.get_by_role("button", name=name))
        if self.page.get_by_text("Not signed yet: see what the safety check says.").count():
            self.press(self.page.get_by_role("button", name=re.compile(r"^Sign \d+ order")))

    def look(self, name: str, page: Any = None, *, every_scene: bool = False) -> None:
        """Pictures of the page in light and dark, wide and narrow; axe and the width agree.

        Somebody who wants to look for himself (TAPERGUARD_LOOK) gets every scene.
        """
        page = page or self.page
        every_scene = every_scene or "TAPERGUARD_LOOK" in os.environ
        scenes = EVERY_SCENE if every_scene else TWO_SCENES
        for width, scheme in scenes:
            page.set_viewport_size({"width": width, "height": 768})
            page.emulate_media(color_scheme=scheme)
            self._see(page, f"{name}-{width}-{scheme}", width)
        page.set_viewport_size({"width": 1024, "height": 768})
        page.emulate_media(color_scheme="light")
        assert self.complaints == []

    def look_at_print(self, name: str, page: Any = None) -> None:
        """The same as it is printed: a page of A4 is about 720 px wide."""
        page = page or self.page
        page.set_viewport_size({"width": 720, "height": 1000})
        page.emulate_media(media="print")
        self._see(page, f"{name}-print", 720)
        page.set_viewport_size({"width": 1024, "height": 768})
        page.emulate_media(media="screen")

    def _see(self, page: Any, name: str, width: int) -> None:
        for frame in page.frames:  # the page itself, and an app that it shows
            found = frame.evaluate("document.documentElement.scrollWidth")
            assert found <= width, f"{name}: {frame.url} is {found} px wide"
            assert self._axe(frame) == [], f"{name}: {frame.url}"
        page.evaluate("window.scrollTo(0, 0)")
        page.screenshot(path=self.pictures / f"{name}.png", full_page=True)

    def _axe(self, frame: Any) -> list[str]:
        frame.evaluate(f"{AXE}; undefined")
        report = frame.evaluate("axe.run({resultTypes: ['violations'], iframes: false})")
        return [
            f"{violation['id']}: {node['html'][:200]} {node['failureSummary']}"
            for violation in report["violations"]
            for node in violation["nodes"]
        ]


@pytest.fixture
def window(chromium: Any, tmp_path: Path) -> Iterator[Callable[[str], Window]]:
    """`window(base)`: a browser window; pictures go to TAPERGUARD_LOOK or a temporary folder."""
    opened: list[Window] = []
    pictures = Path(os.environ.get("TAPERGUARD_LOOK") or tmp_path / "pictures")
    pictures.mkdir(parents=True, exist_ok=True)

    def open_window(base: str) -> Window:
        opened.append(Window(chromium, base, pictures))
        return opened[-1]

    yield open_window
    for one in opened:
        one.context.close()


@pytest.fixture
def readme_picture() -> Callable[[Any], None]:
    """Takes the README's picture, only when TAPERGUARD_PICTURES=1: tests change no files."""

    def take(page: Any) -> None:
        if os.environ.get("TAPERGUARD_PICTURES") == "1":
            (ROOT / "docs").mkdir(exist_ok=True)
            page.set_viewport_size({"width": 1200, "height": 900})
            page.evaluate("window.scrollTo(0, 0)")
            page.screenshot(path=ROOT / "docs" / "ordering.png")
            page.set_viewport_size({"width": 1024, "height": 768})

    return take
