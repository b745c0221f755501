"""Take sound from a microphone, by sounddevice and PortAudio."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Iterator
from typing import Any

import numpy as np

from emovox.errors import AudioError

BLOCK_SECONDS = 0.05
BEHIND_SECONDS = 30.0
"""So much sound may wait; a machine that is further behind is too slow for the model."""

ANOTHER = "or give a recording with --input FILE"


@contextlib.contextmanager
def microphone(device: int | str | None = None) -> Iterator[tuple[int, Iterator[np.ndarray]]]:
    """Open a microphone.

    Args:
        device: Its number, or a part of its name; without it the system's own choice.

    Yields:
        Its rate in hertz; and its samples as they come, without an end: (samples,), float32.

    Raises:
        AudioError: sounddevice or PortAudio is not installed, there is no such microphone, or it stopped; or what
            takes the samples is too slow.
    """
    sounddevice = _sounddevice()
    waiting: queue.Queue[np.ndarray] = queue.Queue(round(BEHIND_SECONDS / BLOCK_SECONDS))

    def take(samples: np.ndarray, *_: Any) -> None:
        with contextlib.suppress(queue.Full):
            waiting.put_nowait(samples[:, 0].copy())

    try:
        rate = round(sounddevice.query_devices(device, "input")["default_samplerate"])
        opened = sounddevice.InputStream(
            samplerate=rate, blocksize=round(BLOCK_SECONDS * rate), device=device, channels=1, dtype="float32",
            callback=take,
        )  # fmt: skip
        opened.start()
    except (sounddevice.PortAudioError, ValueError) as error:
        raise AudioError(
            f"No microphone can be opened ({' '.join(str(error).split())}); connect one, name another with --device "
            f"(python -m sounddevice lists them), {ANOTHER}"
        ) from None
    with opened:
        yield rate, _samples(waiting, opened)


def _samples(waiting: queue.Queue[np.ndarray], opened: Any) -> Iterator[np.ndarray]:
    while not waiting.full():
        try:
            yield waiting.get(timeout=0.5)  # Ctrl-C is heeded between
        except queue.Empty:
            if not opened.active:
                raise AudioError(f"The microphone has stopped; connect it again, {ANOTHER}") from None
    raise AudioError("This machine is too slow to hear this model live; use a smaller one")


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ModuleNotFoundError:
        raise AudioError(f"A microphone needs sounddevice; run: pip install 'emovox[live]', {ANOTHER}") from None
    except OSError:  # it is there, and its library is not
        raise AudioError(
            f"A microphone needs PortAudio; on Debian and Ubuntu run: sudo apt install libportaudio2, {ANOTHER}"
        ) from None
    return sounddevice
