"""The page in a real browser: it says what Python says, of files and of the microphone, and needs nobody."""

import functools
import http.server
import io
import json
import re
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import uvicorn
from typer.testing import CliRunner

from emovox import cli
from emovox.audio import resample
from emovox.errors import EmovoxError, StorageError
from emovox.listening import Recognizer
from emovox.page import FILES, MODEL, SETTINGS, write_page
from emovox.report.pdf import find_browser
from emovox.report.style import COLOURS
from emovox.server import Settings, create_app
from timbre import write_timbre_model
from waveforms import babble, noise, silence

WEB = Path(__file__).resolve().parents[1] / "web"
KEY = "sixteen-letters-or-more"
SPEECH = np.concatenate([silence(0.4), babble(1.6, 3), silence(0.9), babble(1.2, 5), silence(0.5)]) + noise(4.6, 1e-4)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory):
    return Recognizer(write_timbre_model(tmp_path_factory.mktemp("model") / "timbre.onnx"))


@pytest.fixture(scope="module")
def site(recognizer, tmp_path_factory):
    """The address of the written page, on a web server that knows nothing of it."""
    folder = tmp_path_factory.mktemp("site")
    write_page(recognizer, folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """Headless Chromium whose microphone hears SPEECH again and again."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    try:
        browser = find_browser()
    except EmovoxError:
        pytest.skip("no Chromium, Chrome or Edge on this machine")
    heard = tmp_path_factory.mktemp("microphone") / "speech.wav"
    soundfile.write(heard, np.repeat(SPEECH, 3), 48000, subtype="PCM_16")
    microphone = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(
            executable_path=browser, args=["--no-sandbox", *microphone, f"--use-file-for-fake-audio-capture={heard}"]
        )
        yield launched
        launched.close()


def opened_in(chromium):
    """A tab that may use the microphone, and waits long enough for a busy machine."""
    context = chromium.new_context(permissions=["microphone"])
    context.set_default_timeout(120_000)
    return context.new_page()


@pytest.fixture(scope="module")
def ready(chromium, site):
    """The page, ready, and what goes wrong in it: a script that fails, or a word to another host."""
    opened = opened_in(chromium)
    wrong = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("request", lambda request: request.url.startswith((site, "blob:")) or wrong.append(request.url))
    opened.add_init_script("const make = URL.createObjectURL; URL.createObjectURL = (b) => make((window.sound = b))")
    opened.goto(site)
    opened.get_by_text("Ready").wait_for()
    return opened, wrong


@pytest.fixture
def page(ready):
    opened, wrong = ready
    yield opened
    for button in opened.locator("button[aria-pressed=true]").all():
        button.click()  # a test that failed meanwhile
    opened.set_viewport_size({"width": 1280, "height": 800})
    opened.emulate_media(color_scheme="light")
    opened.context.set_offline(False)
    assert wrong == []


@pytest.fixture(scope="module")
def served(chromium, recognizer):
    """The page as the server gives it, which asks for a key."""
    config = uvicorn.Config(create_app(Settings((recognizer.path,), api_key=KEY)), port=0, log_level="error")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    opened = opened_in(chromium)
    opened.goto(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/")
    opened.get_by_text("The server asks for a key").wait_for()
    yield opened
    server.should_exit = True


def choose_mode(served, mode, ready):
    served.fill("#key", KEY)
    served.check(f"input[value={mode}]")
    served.get_by_text(ready).wait_for()


def wav(samples, rate=16000, subtype="PCM_16", kind="WAV"):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, subtype=subtype, format=kind)
    return file.getvalue()


def give(page, content, name="speech.wav"):
    page.evaluate("document.querySelectorAll('#shares li, #rows tr').forEach((row) => row.remove())")
    page.set_input_files("#file", {"name": name, "mimeType": "audio/wav", "buffer": content})


def name_in(address):
    return address.rpartition("/")[2] or "index.html"


def shares(page):
    """Label → probability, as shown."""
    rows = page.locator("#shares li").all()
    return {row.locator(".name").inner_text(): float(row.locator("data").get_attribute("value")) for row in rows}


def rows(page):
    """The table of the timeline: from, to, what is said, how surely."""
    told = page.locator("#rows td:nth-child(3)").all_text_contents()
    values = [float(cell.get_attribute("value")) for cell in page.locator("#rows data").all()]
    return [[*values[3 * k : 3 * k + 3], said] for k, said in enumerate(told)]


def rows_of(timeline):
    return [
        [
            pytest.approx(span.start_seconds),
            pytest.approx(span.end_seconds),
            pytest.approx(span.confidence, abs=1e-3),
            span.said,
        ]
        for span in timeline.spans
    ]


def agree(shown, heard):
    assert shown == pytest.approx(heard.as_dict()["probabilities"], abs=1e-3)


def wait_for_answer(page):
    page.locator("#shares li:visible, #alert:not(:empty)").first.wait_for()
    assert page.inner_text("#alert") == ""


@pytest.mark.parametrize(
    ("rate", "subtype", "kind"),
    [
        (16000, "PCM_16", "WAV"), (48000, "PCM_24", "WAV"), (44100, "FLOAT", "WAV"), (22050, "PCM_16", "FLAC"),
        (8000, "ULAW", "WAV"), (44100, "VORBIS", "OGG"), (16000, "OPUS", "OGG"), (44100, "MPEG_LAYER_III", "MP3"),
    ],
)  # fmt: skip
def test_a_recording_gets_pythons_answer(page, recognizer, rate, subtype, kind):
    samples = np.random.default_rng(rate).normal(0, 0.05, (2 * rate, 2)).cumsum(axis=0)
    samples = (samples / np.abs(samples).max() + noise(2 * rate / 16000, 0.02)[:, None]) / 2
    content = wav(samples, rate, subtype, kind)
    give(page, content)
    wait_for_answer(page)
    heard = recognizer.predict(content)
    agree(shares(page), heard)
    assert page.inner_text("#emotion") == heard.emotion
    assert [bold.inner_text() for bold in page.locator("#among b").all()] == list(heard.set)


def test_a_recording_may_be_dropped_on_the_page(page, recognizer):
    content = wav(babble(1))
    page.evaluate("document.querySelectorAll('#shares li').forEach((row) => row.remove())")
    page.evaluate(
        """(bytes) => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([Uint8Array.from(bytes)], "dropped.wav"));
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        list(content),
    )
    wait_for_answer(page)
    assert page.inner_text("#answer-of") == "dropped.wav, 1.0 s"
    agree(shares(page), recognizer.predict(content))


@pytest.mark.parametrize("rate", [16000, 44100])
def test_the_timeline_is_pythons(page, recognizer, rate):
    content = wav(resample(SPEECH, 16000, rate), rate)
    give(page, content)
    page.locator("#rows tr").first.wait_for(state="attached")
    told = recognizer.timeline(content)
    assert len(told.utterances) == 2
    assert rows(page) == rows_of(told)


def test_what_the_model_had_better_not_say_is_shown_as_not_sure(chromium, tmp_path):
    doubtful = Recognizer(write_timbre_model(tmp_path / "doubtful.onnx", abstain_below=0.999))
    write_page(doubtful, tmp_path / "site")
    page = opened_in(chromium)
    page.route("http://page.test/*", lambda route: route.fulfill(path=tmp_path / "site" / name_in(route.request.url)))
    page.goto("http://page.test/")
    page.get_by_text("Ready").wait_for()
    give(page, wav(babble(0.3)))
    wait_for_answer(page)
    heard = doubtful.predict(wav(babble(0.3)))
    assert page.inner_text("#emotion") == "not sure"
    assert heard.emotion in page.inner_text("#sure")
    assert page.inner_text("#warnings").lower() == f"{heard.warnings[0]}."
    page.close()


def test_what_is_recorded_gets_the_answer_of_the_same_samples(page, recognizer):
    page.click("#record")
    page.wait_for_timeout(2500)
    page.click("#record")
    wait_for_answer(page)
    content = bytes(page.evaluate("sound.arrayBuffer().then((bytes) => [...new Uint8Array(bytes)])"))
    samples, rate = soundfile.read(io.BytesIO(content))
    assert rate >= 16000
    assert len(samples) / rate > 1.5
    assert np.abs(samples).max() > 0.01
    agree(shares(page), recognizer.predict(content))


def test_the_microphone_is_listened_to_live(page):
    page.click("#live")
    page.locator("#spoken li").first.wait_for()
    assert page.locator("#shares li").count() == 8
    page.click("#live")
    assert page.locator("#live").get_attribute("aria-pressed") == "false"


def test_both_modes_give_the_same_numbers(served, recognizer):
    content = wav(resample(SPEECH, 16000, 44100), 44100)
    for mode, ready in (("server", "The server listens"), ("browser", "Ready")):
        choose_mode(served, mode, ready)
        give(served, content)
        served.locator("#rows tr").first.wait_for(state="attached")
        agree(shares(served), recognizer.predict(content))
        assert rows(served) == rows_of(recognizer.timeline(content))


def test_the_server_listens_to_the_microphone_live(served):
    choose_mode(served, "server", "The server listens")
    served.click("#live")
    served.locator("#spoken li").first.wait_for()
    served.click("#live")
    assert served.inner_text("#alert") == ""


def test_what_the_server_refuses_is_told(served):
    choose_mode(served, "server", "The server listens")
    served.fill("#key", "x" * 16)
    served.press("#key", "Tab")
    give(served, wav(babble(1)))
    served.locator("#alert:not(:empty)").wait_for()
    assert served.inner_text("#alert").startswith("The API key is missing or wrong. Send")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no sound at all", "is not a recording"),
        (wav(babble(1))[:-1000], "is truncated: 1000 bytes of sound are missing"),
        (wav(babble(61)), "lasts 61 s"),
        (wav(babble(0.05)), "lasts 50 ms"),
        (wav(silence(1)), "is silent"),
        (b"", "is empty"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_and_the_next_is_answered(page, content, words):
    give(page, content, "odd.wav")
    alert = page.locator("#alert:not(:empty)")
    alert.wait_for()
    assert alert.inner_text().startswith(f"odd.wav {words}")
    assert page.locator("#answer").is_hidden()
    give(page, wav(babble(1)))
    page.locator("#shares li").first.wait_for()
    assert page.inner_text("#alert") == ""


def test_it_answers_without_a_network_and_may_talk_to_no_other_host(page):
    page.context.set_offline(True)
    give(page, wav(SPEECH))
    page.locator("#rows tr").first.wait_for(state="attached")
    elsewhere = page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.message)")
    assert elsewhere == "Failed to fetch"
    assert "connect-src 'self'" in (FILES / "index.html").read_text(encoding="utf-8")


def test_keys_move_through_the_recording(page):
    give(page, wav(SPEECH))
    page.locator("#rows tr").first.wait_for(state="attached")
    page.focus("#seek")
    page.keyboard.press("End")
    assert page.inner_text("#at") == page.inner_text("#lasts") == "0:04.6"
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert float(page.input_value("#seek")) == pytest.approx(0.1)
    page.locator("#seek").click(position={"x": page.locator("#seek").bounding_box()["width"] / 2, "y": 50})
    assert float(page.input_value("#seek")) == pytest.approx(2.3, abs=0.05)
    assert "seconds" in page.get_attribute("#seek", "aria-valuetext")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_barrier_is_found(page, scheme):
    axe = WEB / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.exists():
        pytest.skip("axe-core is not installed; run make page")
    page.emulate_media(color_scheme=scheme)
    give(page, wav(SPEECH))
    page.locator("#rows tr").first.wait_for(state="attached")
    page.evaluate(axe.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run().then((result) => result.violations)")
    assert [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")] == []


def test_it_fits_a_telephone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    give(page, wav(SPEECH), "a-very-long-name-of-a-recording-without-any-place-to-break-it-in-two-lines.wav")
    page.locator("#rows tr").first.wait_for(state="attached")
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_page_is_written_whole_with_its_model(recognizer, tmp_path):
    done = CliRunner().invoke(cli.app, ["page", str(tmp_path / "site"), "--model", str(recognizer.path)])
    assert done.exit_code == 0, done.output
    names = {path.name for path in (tmp_path / "site").iterdir()}
    assert names == {path.name for path in FILES.iterdir()} | {MODEL, SETTINGS}
    told = json.loads((tmp_path / "site" / SETTINGS).read_text(encoding="utf-8"))
    assert told["about"]["labels"] == list(recognizer.labels)
    assert (tmp_path / "site" / MODEL).read_bytes() == recognizer.path.read_bytes()


def test_the_page_is_not_written_into_a_file(recognizer, tmp_path):
    (tmp_path / "site").write_text("")
    with pytest.raises(StorageError, match="is a file; name a folder"):
        write_page(recognizer, tmp_path / "site")


def test_the_page_and_the_report_share_their_colours():
    text = (WEB / "src" / "marks.ts").read_text(encoding="utf-8")
    assert tuple(re.findall(r"#[0-9A-F]{6}", text)) == COLOURS


def test_the_page_needs_no_more_than_its_own_files():
    """No address of another host stands in what a browser runs."""
    for path in FILES.iterdir():
        if path.suffix in {".html", ".css"}:
            assert not re.search(r"(src|href|url)[=(]\W?(https?:)?//", path.read_text(encoding="utf-8")), path.name
    assert sum(path.stat().st_size for path in FILES.iterdir()) < 8_000_000


def test_the_lock_names_no_registry():
    assert "resolved" not in (WEB / "package-lock.json").read_text(encoding="utf-8")
