"""A page of HTML as a PDF, printed by a browser that is on the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from emovox.errors import EmovoxError
from emovox.files import replacing

BROWSERS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge", "microsoft-edge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)  # fmt: skip
SECONDS = 120


def find_browser() -> str:
    """The browser that prints: ``EMOVOX_BROWSER``, or the first of :data:`BROWSERS` that is there.

    Raises:
        EmovoxError: There is none; the message says what to do.
    """
    named = os.environ.get("EMOVOX_BROWSER")
    for name in (named,) if named else BROWSERS:
        if found := shutil.which(name):
            return found
    raise EmovoxError(
        "A PDF is printed by Chromium, Chrome or Edge, and none is found. Install one, name it in EMOVOX_BROWSER, or "
        "open the report in your browser and print it from there"
    )


def write_pdf(page: str, path: Path) -> Path:
    """Print a page of HTML.

    Args:
        page: HTML that needs no other file.
        path: The PDF to write, whole or not at all.

    Raises:
        EmovoxError: There is no browser, or it failed.
        StorageError: The file cannot be written.
    """
    browser = find_browser()
    with replacing(path) as temporary, tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "page.html"
        source.write_text(page, encoding="utf-8")
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--no-pdf-header-footer",
            f"--user-data-dir={folder}/profile",
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium does not start as root otherwise
        command += [f"--print-to-pdf={temporary}", source.as_uri()]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
        except (OSError, subprocess.SubprocessError) as error:
            raise EmovoxError(
                f"{browser} could not print {path} ({type(error).__name__}); open the page and print it from there"
            ) from None
        if not temporary.exists() or not temporary.stat().st_size:
            raise EmovoxError(f"{browser} printed nothing into {path}; open the page and print it from there")
    return path
