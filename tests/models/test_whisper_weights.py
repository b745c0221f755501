"""Whisper's weights: files that are right and wrong, and a server on this machine that plays the hub."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from emovox.errors import ModelError
from emovox.models.whisper_encoder import SIZES, Size, build_encoder, tensors
from emovox.models.whisper_weights import digest, find_whisper, load_into_encoder, read_whisper

REVISION = SIZES["tiny.en"].revision
ASKED_FOR = f"/openai/whisper-tiny.en/resolve/{REVISION}/model.safetensors"
CONTENT = np.random.default_rng(0).bytes(1_000_003)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def toy_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "toy", Size(16, 2, 2, "nobody/toy", "0" * 40))


def made_up(size: str = "toy") -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {f"model.encoder.{name}": random.normal(size=shape).astype("f4") for name, shape in tensors(size).items()}


def write(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    path = folder / "model.safetensors"
    save_file(arrays, path)
    return path


def test_what_is_read_is_what_the_network_holds(tmp_path: Path) -> None:
    arrays = made_up()
    model = build_encoder("toy", (0, 1, 2))
    assert load_into_encoder(model, read_whisper(write(tmp_path, arrays), "toy")) == 2 + 2 * 8 + 1
    frames, inputs, outputs = 2, 5, 7
    (kernel, bias) = model.get_layer("conv1").get_weights()
    assert kernel[frames, inputs, outputs] == arrays["model.encoder.conv1.weight"][outputs, inputs, frames]
    np.testing.assert_array_equal(bias, arrays["model.encoder.conv1.bias"])
    (kernel,) = model.get_layer("layers.1.self_attn.k_proj").get_weights()
    np.testing.assert_array_equal(kernel, arrays["model.encoder.layers.1.self_attn.k_proj.weight"].T)
    scale, shift = model.get_layer("layer_norm").get_weights()
    np.testing.assert_array_equal(scale, arrays["model.encoder.layer_norm.weight"])
    np.testing.assert_array_equal(shift, arrays["model.encoder.layer_norm.bias"])


def test_the_first_layers_alone_can_be_set(tmp_path: Path) -> None:
    weights = read_whisper(write(tmp_path, made_up()), "toy")
    assert load_into_encoder(build_encoder("toy", (1,)), weights) == 2 + 8


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(ModelError, match="build it with build_encoder"):
        load_into_encoder(model, read_whisper(write(tmp_path, made_up()), "toy"))


def test_float16_becomes_float32(tmp_path: Path) -> None:
    arrays = {name: array.astype("f2") for name, array in made_up().items()}
    weights = read_whisper(write(tmp_path, arrays), "toy")
    assert {array.dtype for array in weights.values()} == {np.dtype("f4")}
    np.testing.assert_array_equal(weights["conv2.bias"], arrays["model.encoder.conv2.bias"].astype("f4"))


def test_a_decoder_and_positions_are_not_read(tmp_path: Path) -> None:
    arrays = made_up()
    others = {
        "model.decoder.layers.0.fc1.weight": np.full((64, 16), np.nan, "f4"),
        "model.encoder.embed_positions.weight": np.zeros((1500, 16), "f4"),
    }
    weights = read_whisper(write(tmp_path, {**arrays, **others}), "toy")
    assert {f"model.encoder.{name}" for name in weights} == set(arrays)


@pytest.mark.corpus
@pytest.mark.parametrize("size", ["tiny.en", "base"])
def test_the_real_files_are_read(size: str, shared: Path) -> None:
    weights = read_whisper(find_whisper(size, shared / "whisper"), size)
    assert {name: array.shape for name, array in weights.items()} == tensors(size)


@pytest.mark.corpus
def test_another_size_is_found_out(shared: Path) -> None:
    with pytest.raises(ModelError, match=r"conv1\.weight has shape \(384, 80, 3\), that of Whisper base has \(512, 80"):
        read_whisper(shared / "whisper" / "tiny.en-encoder.safetensors", "base")


def test_a_file_that_lacks_a_layer_is_named(tmp_path: Path) -> None:
    arrays = made_up()
    del arrays["model.encoder.layers.1.fc2.bias"]
    with pytest.raises(
        ModelError, match=r"contains no model\.encoder\.layers\.1\.fc2\.bias.*nobody/toy.*--whisper-weights"
    ):
        read_whisper(write(tmp_path, arrays), "toy")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(bad: float, tmp_path: Path) -> None:
    arrays = made_up()
    arrays["model.encoder.layers.0.fc1.bias"][3] = bad
    with pytest.raises(ModelError, match=r"fc1\.bias contains NaN or infinite values"):
        read_whisper(write(tmp_path, arrays), "toy")


def test_whole_numbers_are_refused(tmp_path: Path) -> None:
    arrays = made_up()
    arrays["model.encoder.conv1.bias"] = np.ones(16, np.int8)
    with pytest.raises(ModelError, match="is I8, not F16 or F32"):
        read_whisper(write(tmp_path, arrays), "toy")


@pytest.mark.parametrize("length", [0, 7, 100, 5_000, -1])
def test_a_file_that_was_cut_is_damaged(length: int, tmp_path: Path) -> None:
    path = write(tmp_path, made_up())
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ModelError, match=r"is damaged, or is not a \.safetensors file"):
        read_whisper(path, "toy")


@pytest.mark.parametrize("content", [b"\x89HDF\r\n\x1a\n" + bytes(99), b"not weights at all, but a good many words"])
def test_another_sort_of_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"is not a \.safetensors file; download model\.safetensors of nobody/toy"):
        read_whisper(path, "toy")


def test_a_file_that_is_gone_or_a_folder_is_one_line(tmp_path: Path) -> None:
    for path in (tmp_path / "gone", tmp_path):
        with pytest.raises(ModelError, match=f"Cannot read {path}: .*; download model.safetensors") as caught:
            read_whisper(path, "toy")
        assert "\n" not in str(caught.value)


def test_digest_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    assert digest(path) == SHA256


@pytest.mark.parametrize(
    "name", ["tiny.en-encoder.safetensors", "tiny.en.safetensors", "whisper-tiny.en/model.safetensors"]
)
def test_a_folder_is_searched(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert find_whisper("tiny.en", tmp_path) == path
    assert find_whisper("tiny.en", path) == path
    with pytest.raises(ModelError, match=r"no weights of Whisper base in .*base-encoder\.safetensors"):
        find_whisper("base", tmp_path)


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"no weights of Whisper at .*gone; download model\.safetensors of openai/whisper-tiny"
    ):
        find_whisper("tiny", tmp_path / "gone")


def test_the_users_cache_comes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOVOX_CACHE", str(tmp_path))
    path = tmp_path / "whisper" / "tiny.en.safetensors"
    path.parent.mkdir()
    path.touch()
    assert find_whisper("tiny.en", None) == path


class Hub(ThreadingHTTPServer):
    """Sends who asks for the file on to a second address, as the real one does."""

    daemon_threads = True
    content = CONTENT
    status = 302
    cut: int | None = None  # bytes after which every connection is dropped

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Counter)
        self.asked: list[tuple[str, str, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def told(self) -> list[tuple[str, str, str | None]]:
        """What was asked about the file; the hub's client asks other things now and then."""
        return [asked for asked in self.asked if not asked[1].startswith("/api/")]


class Counter(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        hub, wanted = self.server, self.headers.get("Range")
        hub.asked.append((self.command, self.path, wanted))
        if self.path == ASKED_FOR and hub.status == 302:
            self.send_response(302)
            self.send_header("Location", hub.url.replace("127.0.0.1", "localhost") + "/store")  # another host
            self.send_header("X-Repo-Commit", REVISION)
            self.send_header("X-Linked-Etag", f'"{SHA256}"')
            self.send_header("X-Linked-Size", str(len(CONTENT)))
            self.send_header("ETag", '"of-the-pointer"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/store":
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
            self.send_header("Content-Length", str(len(CONTENT) - start))
            self.end_headers()
            if body:
                self.wfile.write(hub.content[start : hub.cut])
        else:
            self.send_error(hub.status if self.path == ASKED_FOR else 404)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def asking(folder: Path, endpoint: str, **environment: str) -> str:
    """What a fresh process finds or says; the hub's client reads its environment when it is imported."""
    code = (
        "from emovox.errors import DownloadError\n"
        "from emovox.models.whisper_weights import find_whisper\n"
        "told = []\n"
        "try:\n"
        "    print(find_whisper('tiny.en', None, lambda *what: told.append(what)), told[-1:])\n"
        "except DownloadError as error:\n"
        "    print('DownloadError:', error)\n"
    )
    named = {"EMOVOX_CACHE": str(folder / "emovox"), "HF_HOME": str(folder / "hf"), "HF_ENDPOINT": endpoint}
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**kept, **named, **environment}
    )
    assert ended.returncode == 0, ended.stderr
    (line,) = ended.stdout.splitlines()
    return line


def test_the_hub_gives_the_pinned_revision_once(hub: Hub, tmp_path: Path) -> None:
    path = tmp_path / "emovox" / "whisper" / "tiny.en.safetensors"
    assert asking(tmp_path, hub.url) == f"{path} [('download', {len(CONTENT)}, {len(CONTENT)})]"
    assert path.read_bytes() == CONTENT
    assert hub.told() == [("HEAD", ASKED_FOR, None), ("GET", ASKED_FOR, None), ("GET", "/store", None)]
    assert asking(tmp_path, hub.url) == f"{path} []"
    assert len(hub.told()) == 3


def test_a_cut_download_goes_on_in_the_next_call(hub: Hub, tmp_path: Path) -> None:
    hub.cut = 300_000
    said = asking(tmp_path, hub.url)
    assert "stopped after 300,000 of 1,000,003 bytes" in said and "run the same command again" in said
    hub.cut = None
    hub.asked.clear()
    assert "tiny.en.safetensors" in asking(tmp_path, hub.url)
    assert hub.asked[-1] == ("GET", "/store", "bytes=300000-")
    assert (tmp_path / "emovox" / "whisper" / "tiny.en.safetensors").read_bytes() == CONTENT


def test_other_bytes_than_the_hub_promised_are_thrown_away(hub: Hub, tmp_path: Path) -> None:
    hub.content = bytes(len(CONTENT))
    assert f"is not the published file: SHA256 {hashlib.sha256(hub.content).hexdigest()}" in asking(tmp_path, hub.url)
    assert list((tmp_path / "emovox" / "whisper").iterdir()) == []


@pytest.mark.parametrize("status", [404, 503])
def test_a_hub_that_refuses_is_one_line_that_tells_the_other_way(status: int, hub: Hub, tmp_path: Path) -> None:
    hub.status = status
    said = asking(tmp_path, hub.url)
    assert said.startswith("DownloadError: Cannot get the weights of Whisper tiny.en: ") and str(status) in said
    assert said.endswith(
        f"Or download model.safetensors of openai/whisper-tiny.en on huggingface.co, revision {REVISION}, "
        "and give it with --whisper-weights PATH"
    )


def test_without_network_it_fails_in_seconds(tmp_path: Path) -> None:
    start = time.monotonic()
    said = asking(tmp_path, "http://127.0.0.1:9")
    assert "cannot be reached: " in said and "--whisper-weights" in said
    assert time.monotonic() - start < 20


def test_offline_nothing_is_asked(hub: Hub, tmp_path: Path) -> None:
    assert ": HF_HUB_OFFLINE is set. Or download" in asking(tmp_path, hub.url, HF_HUB_OFFLINE="1")
    assert hub.told() == []


def test_what_the_hubs_own_cache_holds_is_used(hub: Hub, tmp_path: Path) -> None:
    path = tmp_path / "hf/hub/models--openai--whisper-tiny.en/snapshots" / REVISION / "model.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert asking(tmp_path, hub.url, HF_HUB_OFFLINE="1") == f"{path} []"
    assert hub.told() == []
