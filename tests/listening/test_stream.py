import csv
import io
import itertools
import json
import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from emovox.audio import resample
from emovox.errors import AudioError
from emovox.listening import (
    Measurement,
    Prediction,
    Recognizer,
    StreamSettings,
    Timeline,
    Totals,
    UtteranceEnd,
    UtteranceStart,
)
from emovox.listening.frames import Frames
from emovox.listening.speech import Loudness
from loudness import ABOUT, LABELS, make_adaptable, write_loudness_model
from waveforms import babble, noise, silence, tone

SOUNDS = {
    "voice": babble(1.3),
    "soft voice": 0.02 * babble(0.8, 1),
    "long voice": babble(2.5, 2),
    "silence": silence(0.9),
    "noise": noise(0.7, 1e-3),
    "click": np.ones(99, np.float32),
}


@pytest.fixture(scope="module")
def listener(tmp_path_factory):
    about = {**ABOUT, "abstain_below": 0.6, "conformal": {"coverage": 0.9, "threshold": 0.3}}
    return Recognizer(write_loudness_model(tmp_path_factory.mktemp("stream") / "loudness.onnx", about))


def told(stream, pieces):
    return [event for piece in pieces for event in stream.push(piece)] + stream.close()


def same(event, other):
    """Whether two events agree to the last bit."""
    return json.dumps(event.as_dict()) == json.dumps(other.as_dict())


SPEECH = np.concatenate([silence(0.5), babble(2.0), silence(1.0), 0.1 * babble(1.0, 1), silence(1.0)])


def test_utterances_are_found_and_measured_every_hop_while_speech_lasts(listener):
    events = told(listener.stream(16000), [SPEECH])
    kinds = [type(event) for event in events]
    starts = [event.start_seconds for event in events if isinstance(event, UtteranceStart)]
    ends = [event for event in events if isinstance(event, UtteranceEnd)]
    assert kinds[0] is UtteranceStart and kinds[-1] is Totals and kinds.count(UtteranceEnd) == 2
    assert starts == pytest.approx([0.3, 3.3], abs=0.1) == [event.start_seconds for event in ends]
    assert [event.end_seconds for event in ends] == pytest.approx([2.7, 4.7], abs=0.2)
    first = [e for e in events if isinstance(e, Measurement) and e.start_seconds == starts[0]]
    assert [event.end_seconds for event in first[:3]] == pytest.approx(starts[0] + np.array([0.5, 0.75, 1.0]))
    assert 7 <= len(first) <= 9
    assert events[-1].duration_seconds == len(SPEECH) / 16000
    assert events[-1].utterances == 2 and events[-1].measurements == kinds.count(Measurement)


def test_an_utterance_as_a_whole_gets_the_answer_of_its_own_recording(listener):
    for event in told(listener.stream(16000), [SPEECH]):
        if isinstance(event, UtteranceEnd):
            part = SPEECH[round(16000 * event.start_seconds) : round(16000 * event.end_seconds)]
            np.testing.assert_array_equal(event.prediction.probabilities, listener.predict(part, 16000).probabilities)


@settings(max_examples=40, deadline=None)
@given(
    names=st.lists(st.sampled_from(sorted(SOUNDS)), max_size=5),
    cuts=st.lists(st.integers(0, 100_000), max_size=12),
    ones=st.booleans(),
    rate=st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000]),
)
def test_in_one_piece_and_in_odd_pieces_the_timeline_is_the_same(listener, names, cuts, ones, rate):
    waveform = np.concatenate([silence(0.0), *(SOUNDS[name] for name in names)])
    waveform = resample(waveform, 16000, rate) if len(waveform) else waveform
    places = sorted(cuts + (list(range(5000, 5050)) if ones else []))  # one sample at a time for a while
    whole = listener.timeline(waveform, rate)
    events = told(listener.stream(rate), np.split(waveform, places))
    pieces = Timeline.of(listener.labels, events)
    assert json.dumps(pieces.as_dict()) == json.dumps(whole.as_dict())
    assert (pieces.csv(), pieces.srt(), pieces.vtt()) == (whole.csv(), whole.srt(), whole.vtt())
    assert whole.duration_seconds == len(waveform) / rate
    spans = [(each.start_seconds, each.end_seconds) for each in (*whole.utterances, *whole.spans)]
    assert all(start < end <= whole.duration_seconds for start, end in spans)
    for each in whole.measurements:
        assert any(u.start_seconds <= each.start_seconds < each.end_seconds <= u.end_seconds for u in whole.utterances)
    for before, after in itertools.pairwise(whole.utterances):
        assert before.end_seconds <= after.start_seconds


def test_a_file_and_its_waveform_have_the_same_timeline(listener, tmp_path):
    waveform = resample(SPEECH, 16000, 44100)
    soundfile.write(tmp_path / "a.wav", np.stack([waveform, waveform], axis=1), 44100, subtype="FLOAT")
    whole = listener.timeline(waveform, 44100).as_dict()
    assert listener.timeline(tmp_path / "a.wav").as_dict() == whole
    assert listener.timeline((tmp_path / "a.wav").read_bytes(), name="upload").as_dict() == whole


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 96000])
def test_a_stream_is_resampled_as_a_recording_is(rate):
    waveform = noise(1.0)[: 16000 * rate // 16000]
    frames = Frames(rate, 16000, 0.025)
    pieces = [frames.push(waveform[:777]), frames.push(waveform[777:]), frames.push(waveform[:0], last=True)]
    whole = resample(waveform, rate, 16000)
    np.testing.assert_array_equal(np.concatenate(pieces).ravel(), whole[: len(whole) // 400 * 400])


def test_a_long_recording_is_heard_and_a_longer_one_refused(listener, tmp_path, monkeypatch):
    soundfile.write(tmp_path / "long.flac", np.tile(SPEECH, 14), 16000)
    told = []
    timeline = listener.timeline(tmp_path / "long.flac", name="long", progress=lambda *each: told.append(each))
    assert len(timeline.utterances) == 28
    assert told == [("long", second, 77) for second in range(1, 78)]
    with pytest.raises(AudioError, match=r"at most 60 s can be given at once.*or ask for its timeline"):
        listener.predict(tmp_path / "long.flac")
    monkeypatch.setattr("emovox.listening.recognizer.TIMELINE_SECONDS", 70.0)
    with pytest.raises(AudioError, match=r"long\.flac lasts 77 s; at most 70 s"):
        listener.timeline(tmp_path / "long.flac")


def test_speech_without_a_pause_is_parted_and_no_more_is_held(listener):
    second = babble(1.0)
    tracemalloc.start()
    events = told(listener.stream(16000, StreamSettings(longest_seconds=5.0)), itertools.repeat(second, 120))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.25 * 120 * second.nbytes
    ends = [(event.start_seconds, event.end_seconds) for event in events if isinstance(event, UtteranceEnd)]
    assert [end - start for start, end in ends[:2]] == pytest.approx([5.0, 5.0])
    assert all(before[1] == pytest.approx(after[0], abs=0.1) for before, after in itertools.pairwise(ends))


@pytest.mark.parametrize("sound", [silence(3), noise(3, 1e-3), silence(0), np.ones(20, np.float32)])
def test_without_speech_there_are_only_totals(listener, sound):
    (totals,) = told(listener.stream(16000), [sound])
    assert totals == Totals(len(sound) / 16000, 0.0, 0, 0)
    nothing = listener.timeline(sound, 16000)
    assert nothing.spans == nothing.utterances == ()
    assert nothing.vtt() == "WEBVTT\n" and nothing.srt() == ""


def test_a_noise_that_lasts_ends_to_be_speech():
    loud = Loudness(0.025)
    steady = [loud(-20.0, speaking=False) for _ in range(400)]
    assert any(steady[:20]) and not any(steady[200:])
    assert loud(-10.0, speaking=False) and not loud(-12.5, speaking=False) and loud(-12.5, speaking=True)


def test_a_piece_that_cannot_be_judged_is_refused_and_the_stream_goes_on(listener):
    stream = listener.stream(16000)
    first = stream.push(SPEECH[:20000])
    for bad in (np.full(100, np.nan, np.float32), np.float32([9.0]), np.zeros((10, 2)), np.zeros(10, np.int16)):
        with pytest.raises(AudioError, match=r"^the stream "):
            stream.push(bad)
    events = [*first, *stream.push(SPEECH[20000:]), *stream.close()]
    assert all(map(same, events, told(listener.stream(16000), [SPEECH])))
    with pytest.raises(AudioError, match="begin another"):
        stream.push(SPEECH)


def test_measurements_are_smoothed_and_what_follows_from_them_too(listener):
    sound = np.concatenate([babble(1.0), 0.02 * babble(1.5), silence(1)])
    plain = told(listener.stream(16000, StreamSettings(smoothing_seconds=0, window_seconds=0.5)), [sound])
    smooth = told(listener.stream(16000, StreamSettings(smoothing_seconds=0.5, window_seconds=0.5)), [sound])
    raw = [event.prediction.probabilities for event in plain if isinstance(event, Measurement)]
    expected = raw[0]
    for event, new in zip((e for e in smooth if isinstance(e, Measurement)), raw, strict=True):
        expected = expected + (1 - np.exp(-0.5)) * (new - expected)
        heard = event.prediction
        np.testing.assert_allclose(heard.probabilities, expected, rtol=1e-5)
        assert heard.abstains == (expected.max() < 0.6)
        assert heard.set == tuple(
            label for label, p in zip(LABELS, expected, strict=True) if p >= min(0.3, expected.max())
        )


@pytest.mark.parametrize("wrong", [{"hop_seconds": 0.0}, {"window_seconds": 31}, {"pause_seconds": float("nan")}])
def test_impossible_settings_and_rates_are_refused(listener, wrong):
    with pytest.raises(AudioError, match=f"{next(iter(wrong))} is .*; give"):
        StreamSettings(**wrong)
    with pytest.raises(AudioError, match="sample rate"):
        listener.stream(2000)


def test_a_timeline_reads_back_and_its_subtitles_touch():
    sure = Prediction(("calm", "a <b>"), np.float32([0.2, 0.8]))
    unsure = Prediction(("calm", "a <b>"), np.float32([0.5, 0.5]), abstains=True)
    measurements = (Measurement(1.0, 1.5, sure), Measurement(1.0, 1.75, sure), Measurement(1.0, 2.0, unsure))
    utterances = (UtteranceEnd(1.0, 2.2, sure), UtteranceEnd(3601.0, 3601.3, sure))
    timeline = Timeline(3602.0, ("calm", "a <b>"), measurements, utterances)
    assert [(s.start_seconds, s.end_seconds, s.said) for s in timeline.spans] == [
        (1.0, 1.75, "a <b>"), (1.75, 2.2, "not sure"), (3601.0, 3601.3, "a <b>"),
    ]  # fmt: skip
    assert timeline.vtt().startswith("WEBVTT\n\n00:00:01.000 --> 00:00:01.750\na &lt;b&gt; 80%\n\n00:00:01.750 -->")
    assert timeline.srt().endswith("\n\n3\n01:00:01,000 --> 01:00:01,300\na <b> 80%\n")
    rows = list(csv.DictReader(io.StringIO(timeline.csv())))
    assert [row["what"] for row in rows] == ["measurement"] * 3 + ["utterance"] * 2
    assert float(rows[0]["a <b>"]) == pytest.approx(0.8) and rows[2]["abstains"] == "true"


def test_an_adapted_recognizer_streams_too(tmp_path):
    plain = Recognizer(make_adaptable(write_loudness_model(tmp_path / "a.onnx", ABOUT)))
    adapted = plain.adapted([tone(1)], 16000)
    one, other = (each.timeline(SPEECH, 16000).utterances[0] for each in (plain, adapted))
    assert not np.allclose(one.prediction.probabilities, other.prediction.probabilities)
    part = SPEECH[round(16000 * other.start_seconds) : round(16000 * other.end_seconds)]
    np.testing.assert_array_equal(adapted.predict(part, 16000).probabilities, other.prediction.probabilities)
