"""The client gives what a recogniser gives, and bears a server that is busy, goes away, or cuts the line."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from emovox.client import Client
from emovox.errors import AudioError, ServerError
from emovox.listening import Measurement, Recognizer, Totals, UtteranceEnd, UtteranceStart
from hostile.case import recording
from loudness import ABOUT, write_loudness_model
from server.running import Running, running
from waveforms import babble, silence

RATE_HZ = 16000
SPEECH = np.concatenate([silence(1), babble(2.5), silence(1.5), babble(4.0, seed=3), silence(1.0), babble(1.0)])
SPEECH = (np.round(SPEECH * 32767) / 32768).astype(np.float32)  # as it is sent


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_loudness_model(tmp_path_factory.mktemp("client") / "loud.onnx", ABOUT)


@pytest.fixture(scope="module")
def server(artifact: Path) -> Iterator[Running]:
    with running(artifact) as server:
        yield server


def pieces(sound: np.ndarray, size: int = 1234) -> list[np.ndarray]:
    return [sound[at : at + size] for at in range(0, len(sound), size)]


def test_the_client_gives_what_a_recognizer_gives(server: Running, artifact: Path, tmp_path: Path) -> None:
    here, file = Recognizer(artifact), tmp_path / "a.wav"
    file.write_bytes(recording("WAV", 2.0))
    with Client(server.url) as client, file.open("rb") as opened:
        for heard in (client.predict(file), client.predict(file.read_bytes(), "loud"), client.predict(opened)):
            assert heard.as_dict() == here.predict(file).as_dict()
        assert client.timeline(file).as_dict() == here.timeline(file).as_dict()
        assert [model["name"] for model in client.models()] == ["loud"]
        stream = here.stream(RATE_HZ)
        *events, totals = [*stream.push(SPEECH), *stream.close()]
        *told, end = client.stream(pieces(SPEECH), RATE_HZ)
        assert [event.as_dict() for event in told] == [event.as_dict() for event in events] and len(told) > 20
        assert isinstance(end, Totals) and end.as_dict() == pytest.approx(totals.as_dict())


def test_refusals_are_told_in_the_servers_words(server: Running, tmp_path: Path) -> None:
    with Client(server.url) as client:
        with pytest.raises(ServerError, match="The recording is empty; Record or download it again"):
            client.predict(b"")
        with pytest.raises(ServerError, match="no such model; Available: loud"):
            client.predict(recording("WAV"), model="other")
        with pytest.raises(ServerError, match="no such model; Available: loud"):
            list(client.stream([SPEECH], RATE_HZ, model="other"))
        with pytest.raises(AudioError, match="cannot be read"):
            client.predict(tmp_path / "none.wav")
        with pytest.raises(AudioError, match="NaN"):
            list(client.stream([np.full(1000, np.nan, np.float32)], RATE_HZ))


def test_an_error_of_the_sound_itself_is_not_taken_for_the_connections(server: Running) -> None:
    def unplugged() -> Iterator[np.ndarray]:
        yield SPEECH[:1000]
        raise OSError("the microphone is gone")

    with Client(server.url) as client, pytest.raises(OSError, match="microphone"):
        list(client.stream(unplugged(), RATE_HZ))


def test_a_server_that_is_not_there_is_told_after_some_attempts() -> None:
    with Client("http://127.0.0.1:9", attempts=2) as client:
        for ask in (client.models, lambda: list(client.stream([SPEECH], RATE_HZ))):
            with pytest.raises(ServerError, match=r"127.0.0.1:9 cannot be reached .*'emovox serve'"):
                ask()


def test_a_busy_server_is_asked_again(artifact: Path) -> None:
    with (
        running(artifact, "--threads", "1", "--waiting", "0", "--timeout", "4") as server,
        socket.create_connection(("127.0.0.1", server.port)) as other,
    ):
        other.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")  # holds the only place
        while httpx.get(f"{server.url}/readyz").is_success:
            time.sleep(0.05)
        with Client(server.url, attempts=1) as hasty, pytest.raises(ServerError, match="Too many requests"):
            hasty.predict(recording("WAV"))
        with Client(server.url, attempts=9) as client:
            assert client.predict(recording("WAV")).emotion


class Line:
    """A line to a server that can be cut, as by a network that fails."""

    def __init__(self, port: int) -> None:
        self._to, self._ends = port, list[socket.socket]()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here = self._listener.accept()[0]
                there = socket.create_connection(("127.0.0.1", self._to))
                self._ends += [here, there]
                for pair in ((here, there), (there, here)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
        self.cut()

    def cut(self) -> None:
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def cut_while_heard(line: Line, cuts: list[int]) -> Iterator[np.ndarray]:
    """The sound, ten times as fast as it is, over a line that is cut before some of its pieces."""
    for number, piece in enumerate(pieces(SPEECH, RATE_HZ // 10)):
        if number in cuts:
            line.cut()
        time.sleep(0.01)
        yield piece


@pytest.mark.parametrize("cuts", [[5], [20], [35], [18, 60], [105]])
def test_a_line_that_is_cut_loses_and_doubles_nothing(server: Running, artifact: Path, cuts: list[int]) -> None:
    line = Line(server.port)
    stream = Recognizer(artifact).stream(RATE_HZ)
    unbroken = [*stream.push(SPEECH), *stream.close()]
    with Client(f"http://127.0.0.1:{line.port}") as client:
        told = list(client.stream(cut_while_heard(line, cuts), RATE_HZ))
    for kind in (UtteranceStart, UtteranceEnd):
        assert [e.start_seconds for e in told if isinstance(e, kind)] == pytest.approx(
            [e.start_seconds for e in unbroken if isinstance(e, kind)], abs=0.1
        )
    ends = [event.end_seconds for event in told if isinstance(event, Measurement)]
    assert ends == sorted(set(ends)) and abs(len(ends) - unbroken[-1].measurements) <= len(cuts)
    assert told[-1].duration_seconds == unbroken[-1].duration_seconds


def test_a_server_that_is_started_anew_goes_on(artifact: Path) -> None:
    with running(artifact) as first:
        port = first.port

        def sound() -> Iterator[np.ndarray]:
            for number, piece in enumerate(pieces(SPEECH, RATE_HZ // 10)):
                if number == 30:
                    first.process.terminate()
                yield piece

        with Client(f"http://127.0.0.1:{port}", attempts=12) as client, contextlib.ExitStack() as starts:
            talk = client.stream(sound(), RATE_HZ)
            told = [next(talk)]

            def start_again() -> None:
                first.process.wait(30)
                starts.enter_context(running(artifact, "--port", str(port)))

            second = threading.Thread(target=start_again)
            second.start()
            told += talk
            second.join()
    assert sum(isinstance(event, UtteranceEnd) for event in told) == 3
