import itertools
import threading

import numpy as np
import pytest

from emovox.errors import AudioError
from emovox.listening import Prediction, Recognizer, in_order
from emovox.listening.speech import speech_seconds
from loudness import ABOUT, LABELS, write_loudness_model
from waveforms import babble, noise, silence, tone


def test_answers_come_in_order_and_several_are_under_way():
    both = threading.Barrier(2, timeout=10)

    def work(number):
        both.wait()
        return -number

    assert list(in_order(work, range(6), threads=2)) == [0, -1, -2, -3, -4, -5]


def test_an_endless_list_is_taken_as_needed():
    assert list(itertools.islice(in_order(str, itertools.count(), threads=3), 4)) == ["0", "1", "2", "3"]


def test_what_work_raises_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda number: 1 / number, [1, 0, 2]))


def test_many_are_answered_as_each_alone_and_a_bad_one_is_named(tmp_path):
    listener = Recognizer(write_loudness_model(tmp_path / "loudness.onnx", ABOUT))
    waveforms = [tone(1), silence(1), babble(2), noise(0.5)]
    first, second, *others = listener.predict_many(waveforms, 16000, threads=2)
    assert isinstance(second, AudioError) and "silent" in str(second)
    for waveform, heard in zip([waveforms[0], *waveforms[2:]], [first, *others], strict=True):
        np.testing.assert_array_equal(heard.probabilities, listener.predict(waveform, 16000).probabilities)


@pytest.mark.parametrize("level", [1e-3, 0.5])
def test_pauses_are_no_speech_at_any_level(level):
    waveform = np.concatenate([silence(1), tone(0.4, level=level), silence(0.6), tone(0.2, level=level)])
    assert speech_seconds(waveform, 16000) == pytest.approx(0.6, abs=0.03)
    assert speech_seconds(silence(1), 16000) == speech_seconds(silence(0), 16000) == 0


def test_little_speech_is_warned_of():
    heard = Prediction(LABELS, np.float32([0.2, 0.3, 0.5]), speech_seconds=0.42, novelty=2.0)
    assert heard.warnings == ("0.4 s of speech: unreliable", "unlike the training clips")
    assert Prediction(LABELS, np.float32([0.2, 0.3, 0.5]), speech_seconds=0.5).warnings == ()
