"""The page in a browser: how fast it answers, what it loads, and how far its numbers are from Python's.

    python benchmarks/browser.py ARTIFACT … --data PATH_TO_RAVDESS

Headless Chromium opens what ``emovox page`` writes. Time is that of the page's worker for three seconds of speech
without a pause at its ends, the median of many calls after a few. The numbers are compared on 64 recordings cut to
varied lengths, at varied levels and rates.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import io
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from artifact import unbroken
from measure import row, say, write
from playwright.sync_api import Page, sync_playwright

from emovox.audio import SAMPLE_RATE_HZ, read_audio, resample
from emovox.corpora import load_corpus
from emovox.listening import Recognizer
from emovox.page import write_page
from emovox.report.pdf import find_browser

CLIPS = 64
WARMING = 5
RATES_HZ = (8000, 16000, 22050, 44100, 48000)
HEARD = "performance.getEntriesByName('hear').map((entry) => entry.duration)"
FREED = "document.querySelectorAll('#shares li, #rows tr').forEach((row) => row.remove()); performance.clearMeasures()"


@contextmanager
def ready_page(recognizer: Recognizer) -> Iterator[tuple[Page, list[int]]]:
    """The page in a browser, its model loaded, and the bytes of each file that it has loaded."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    loaded: list[int] = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        write_page(recognizer, folder)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = driver.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("response", lambda each: each.url[:4] == "http" and loaded.append(int(each.headers["content-length"])))
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.get_by_text("Ready").wait_for()
        yield page, loaded
        browser.close()
        server.shutdown()


def answer(page: Page, samples: np.ndarray, rate: int) -> dict[str, float]:
    """Label → probability, as the page shows."""
    page.evaluate(FREED)
    file = io.BytesIO()
    soundfile.write(file, samples, rate, subtype="FLOAT", format="WAV")
    page.set_input_files("#file", {"name": "a.wav", "mimeType": "audio/wav", "buffer": file.getvalue()})
    page.locator("#shares li").first.wait_for()
    rows = page.locator("#shares li").all()
    return {each.locator(".name").inner_text(): float(each.locator("data").get_attribute("value")) for each in rows}


def measured(recognizer: Recognizer, recordings: list[Path], calls: int) -> list[dict[str, Any]]:
    """An artifact's rows."""
    random = np.random.default_rng(0)
    speech, milliseconds, apart = unbroken(recordings), [], []
    with ready_page(recognizer) as (page, loaded):
        say("Timing")
        for _ in range(calls + WARMING):
            answer(page, speech, SAMPLE_RATE_HZ)
            milliseconds.append(page.evaluate(HEARD)[0])
        say("Comparing")
        for number, path in enumerate(recordings):
            rate = RATES_HZ[number % len(RATES_HZ)]
            samples = resample(read_audio(path), SAMPLE_RATE_HZ, rate)[rate:]  # RAVDESS begins with a pause
            samples = samples[: int(random.uniform(0.5, 2.5) * rate)] * np.float32(10 ** random.uniform(-1.5, 0))
            wanted = recognizer.predict(samples, rate).as_dict()["probabilities"]
            apart.append(max(abs(p - wanted[label]) for label, p in answer(page, samples, rate).items()))
    whose = f"browser, {recognizer.metadata['model']}, {recognizer.metadata['precision']}"
    return [
        row(
            f"{whose}: 3 s of unbroken speech, one thread, warm",
            float(np.median(milliseconds[WARMING:])),
            "ms",
            120,
            400,
        ),
        row(f"{whose}: bytes loaded, page and model", sum(loaded) / 1e6, "MB", 20, 40),
        row(f"{whose}: largest difference of a probability from Python's, {CLIPS} clips", max(apart), ""),
    ]


def main() -> None:
    """Measure, and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifacts", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, help="where RAVDESS lies")
    parser.add_argument("--calls", type=int, default=40)
    options = parser.parse_args()
    clips = load_corpus("ravdess", data=options.data).clips
    chosen = [clips[k].path for k in np.random.default_rng(0).choice(len(clips), CLIPS, replace=False)]
    rows = [measured(Recognizer(artifact), chosen, options.calls) for artifact in options.artifacts]
    write("browser", {"measurements": [each for found in rows for each in found]})


if __name__ == "__main__":
    main()
