"""Client of a server: the answers of :class:`emovox.Recognizer`, with retries and reconnection."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self

import httpx
import numpy as np
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from emovox.audio import check_samples
from emovox.errors import AudioError, ServerError
from emovox.listening import Event, Measurement, Prediction, Timeline, Totals, UtteranceEnd, UtteranceStart

BUSY = (429, 503)
"""Statuses of HTTP that say: try again."""

FRAME_SECONDS = 0.1
"""How much sound goes into one message."""

KEPT_SECONDS = 4.0
"""So much of what came before an utterance is sent again with it: a stream judges speech by the last 4 s."""

SENT_AGAIN_SAMPLES = 8_000_000
"""Of silence at most so much is kept to be sent again: 16 MB, more than the buffers of a connection hold."""

LONGEST_WAIT_SECONDS = 5.0


class Client:
    """A server, reached over HTTP and WebSocket.

    Args:
        url: Its address.
        api_key: Its API key, if it has one.
        timeout_seconds: For each response.
        attempts: How often a request is sent while the server is busy or cannot be reached; each pause is twice as
            long as the one before.

    Example:
        with Client("http://127.0.0.1:8000") as client:
            print(client.predict("recording.wav").emotion)
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        api_key: str | None = None,
        timeout_seconds: float = 60.0,
        attempts: int = 6,
    ) -> None:
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout, self._attempts = timeout_seconds, attempts
        self._http = httpx.Client(base_url=self.url, headers=self._headers, timeout=timeout_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open."""
        self._http.close()

    def models(self) -> list[dict[str, Any]]:
        """The server's models, the default first.

        Raises:
            ServerError: It cannot be reached, or refuses the request.
        """
        models: list[dict[str, Any]] = self._ask("GET", "/v1/models")["models"]
        return models

    def predict(self, recording: Path | str | bytes | BinaryIO, model: str | None = None) -> Prediction:
        """Predict the emotion.

        Args:
            recording: A path, the bytes of a file, or an open binary file.
            model: One of :meth:`models`; without it, the first.

        Raises:
            AudioError: There is no such file.
            ServerError: The server cannot be reached, or refuses the request, with its own message.
        """
        return _prediction(self._ask("POST", "/v1/predict", model, _content(recording)))

    def timeline(self, recording: Path | str | bytes | BinaryIO, model: str | None = None) -> Timeline:
        """Predict the emotion over time.

        Args:
            recording, model: As for :meth:`predict`.

        Raises:
            AudioError, ServerError: As for :meth:`predict`.
        """
        told = self._ask("POST", "/v1/timeline", model, _content(recording))

        def spoken(m: dict[str, Any]) -> tuple[float, float, Prediction]:
            return m["start_seconds"], m["end_seconds"], _prediction(m["prediction"])

        return Timeline(
            told["duration_seconds"],
            tuple(told["labels"]),
            tuple(Measurement(*spoken(each)) for each in told["measurements"]),
            tuple(UtteranceEnd(*spoken(each)) for each in told["utterances"]),
        )

    def stream(self, sound: Iterable[np.ndarray], sample_rate_hz: int, model: str | None = None) -> Iterator[Event]:
        """Predict the emotion while the audio arrives, as ``Recognizer.stream`` does.

        When the connection is lost, another is opened and the current utterance is sent again; times continue. Its
        predictions can then differ a little from those of an unbroken session.

        Args:
            sound: Its samples as they arrive: (samples,) each, floating point with full scale ±1; sent with 16 bits.
            sample_rate_hz: 4,000 to 192,000.
            model: As for :meth:`predict`.

        Yields:
            Events; :class:`~emovox.listening.Totals` is the last.

        Raises:
            AudioError: The samples cannot be used.
            ServerError: The server cannot be reached, or refuses the request.
        """
        talk = _Talk(iter(sound), sample_rate_hz)
        address = httpx.URL(self.url + "/v1/stream", params={"model": model} if model else None)
        socket = str(address.copy_with(scheme={"http": "ws", "https": "wss"}[address.scheme]))
        patience = _Patience(self._attempts)
        while not talk.ended:
            try:
                opened = connect(
                    socket, additional_headers=self._headers, open_timeout=self._timeout, compression=None, proxy=None
                )
            except InvalidStatus as error:
                reason, status = _refusal(error.response.body, error.response.status_code), error.response.status_code
                if status not in BUSY:
                    raise ServerError(reason) from None
                patience.wait(reason)
                continue
            except (InvalidHandshake, OSError) as error:
                patience.wait(self._unreached(error))
                continue
            try:
                with opened:
                    for event in talk.over(opened, self._timeout):
                        patience = _Patience(self._attempts)
                        yield event
            except (ConnectionClosed, _Interrupted) as error:
                patience.wait(self._unreached(error))

    def _ask(self, method: str, path: str, model: str | None = None, content: bytes | None = None) -> Any:
        """The body of an answer."""
        headers = {} if content is None else {"Content-Type": "application/octet-stream"}
        patience = _Patience(self._attempts)
        while True:
            try:
                answer = self._http.request(
                    method, path, params={"model": model} if model else None, content=content, headers=headers
                )
            except httpx.TransportError as error:
                patience.wait(self._unreached(error))
                continue
            if answer.is_success:
                return answer.json()
            reason = _refusal(answer.content, answer.status_code)
            if answer.status_code not in BUSY:
                raise ServerError(reason)
            patience.wait(reason)

    def _unreached(self, error: Exception) -> str:
        reason = " ".join(str(error).split()) or type(error).__name__
        return f"{self.url} cannot be reached ({reason}); start it with 'emovox serve', or check the address"


class _Patience:
    """Waits before something is tried again, twice as long each time, and in the end gives up.

    Args:
        attempts: In all.
    """

    def __init__(self, attempts: int) -> None:
        self._attempts, self._failed = attempts, 0

    def wait(self, reason: str) -> None:
        """Wait after an attempt that failed.

        Raises:
            ServerError: It was the last; with its reason.
        """
        self._failed += 1
        if self._failed >= self._attempts:
            raise ServerError(reason) from None
        time.sleep(min(0.05 * 2**self._failed, LONGEST_WAIT_SECONDS))


class _Interrupted(Exception):
    """A session that another can continue."""


class _Talk:
    """One stream, over as many connections as it takes.

    Args:
        sound: Its samples.
        rate_hz: Their rate.
    """

    def __init__(self, sound: Iterator[np.ndarray], rate_hz: int) -> None:
        self.ended = False
        self._sound, self._rate_hz = sound, rate_hz
        self._kept: list[np.ndarray] = []  # int16, what may have to be sent again
        self._kept_from = self._taken = 0  # in samples
        self._speaking, self._told = False, -1.0  # the end of what was told, in seconds
        self._spoken, self._utterances, self._measurements = 0.0, 0, 0

    def over(self, socket: ClientConnection, timeout: float) -> Iterator[Event]:
        """Send what is left, and yield what is heard, until the connection or the sound ends."""
        created = self._receive(socket, timeout)
        if created["sample_rate_hz"] != self._rate_hz:
            socket.send(json.dumps({"type": "session.update", "sample_rate_hz": self._rate_hz}))
        begins = self._kept_from / self._rate_hz
        for frame in self._frames():
            socket.send(frame.tobytes())
            yield from self._hear(socket, begins, 0)
        socket.send(json.dumps({"type": "session.close"}))
        while not self.ended:
            yield from self._hear(socket, begins, timeout)

    def _frames(self) -> Iterator[np.ndarray]:
        """What was sent and may not have been heard, and then what comes."""
        yield from list(self._kept)
        size = max(1, int(FRAME_SECONDS * self._rate_hz))
        for samples in self._sound:
            whole = np.clip(np.round(check_samples(samples, "the sound") * 32768), -32768, 32767).astype("<i2")
            pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
            self._kept += pieces  # before any is sent, since sending may fail
            self._taken += len(whole)
            if not self._speaking:
                self._forget((self._taken - SENT_AGAIN_SAMPLES) / self._rate_hz)
            yield from pieces

    def _hear(self, socket: ClientConnection, begins: float, timeout: float) -> Iterator[Event]:
        """What the server has told; a message is waited for as long as ``timeout``."""
        while not self.ended:
            message = self._receive(socket, timeout)
            if message is None:
                return
            if message["type"] == "session.closed":
                self.ended = True
                yield Totals(self._taken / self._rate_hz, self._spoken, self._utterances, self._measurements)
                return
            if message["type"] == "error":  # an utterance that has not ended may now be told as if it had
                raise (_Interrupted if message["retryable"] else ServerError)(message["message"])
            event = _event(message, begins)
            if event and self._is_news(event):
                yield event
            timeout = 0

    def _receive(self, socket: ClientConnection, timeout: float) -> Any:
        """The next message; None where none is there and none is waited for."""
        try:
            return json.loads(socket.recv(timeout))
        except TimeoutError:
            if timeout:
                raise _Interrupted(f"it sent nothing for {timeout:g} s") from None
            return None

    def _is_news(self, event: UtteranceStart | Measurement | UtteranceEnd) -> bool:
        """Whether an event was not told over an earlier connection; it is then counted."""
        time = event.start_seconds if isinstance(event, UtteranceStart) else event.end_seconds
        if time <= self._told or (isinstance(event, UtteranceStart) and self._speaking):
            return False
        self._told = time
        self._speaking = not isinstance(event, UtteranceEnd)
        self._measurements += isinstance(event, Measurement)
        if isinstance(event, UtteranceEnd):
            self._utterances += 1
            self._spoken += event.end_seconds - event.start_seconds
            self._forget(event.end_seconds - KEPT_SECONDS)
        return True

    def _forget(self, before: float) -> None:
        """Drop what need not be sent again."""
        while self._kept and self._kept_from + len(self._kept[0]) <= before * self._rate_hz:
            self._kept_from += len(self._kept.pop(0))


def _content(recording: Path | str | bytes | BinaryIO) -> bytes:
    if isinstance(recording, bytes):
        return recording
    if not isinstance(recording, Path | str):
        return recording.read()
    try:
        return Path(recording).read_bytes()
    except OSError as error:
        raise AudioError(f"{recording} cannot be read: {error.strerror}; check the name") from None


def _prediction(told: dict[str, Any]) -> Prediction:
    return Prediction(
        tuple(told["probabilities"]), np.array(list(told["probabilities"].values()), np.float32),
        told["abstains"], tuple(told["set"]), told["novelty"], told["speech_seconds"],
    )  # fmt: skip


def _event(message: dict[str, Any], begins: float) -> UtteranceStart | Measurement | UtteranceEnd | None:
    """A message as an event, its times from the beginning of the sound."""
    if message["type"] == "utterance.start":
        return UtteranceStart(begins + message["start_ms"] / 1000)
    if message["type"] not in ("measurement.result", "utterance.end"):
        return None
    kind = Measurement if message["type"] == "measurement.result" else UtteranceEnd
    start, end = (begins + message[name] / 1000 for name in ("start_ms", "end_ms"))
    return kind(start, end, _prediction(message["prediction"]))


def _refusal(body: bytes | bytearray | None, status: int) -> str:
    """What a problem body says, in one line."""
    try:
        problem = json.loads(body or b"")
        return f"{problem['detail']}; {problem['hint']}"
    except (ValueError, KeyError, TypeError):
        return f"The server answers with status {status}; check that it is Emovox's, and its log"
