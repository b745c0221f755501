import io
import json
import subprocess
import sys
import threading

import numpy as np
import onnx
import pytest
import soundfile
from onnx import TensorProto, helper

from emovox.errors import AudioError, EmovoxError, ModelError
from emovox.listening import Prediction, Recognizer, find_artifact
from loudness import ABOUT, LABELS, write_loudness_model
from waveforms import WAVEFORMS, babble, noise, tone


@pytest.fixture
def artifact(tmp_path):
    return write_loudness_model(tmp_path / "loudness.onnx", ABOUT)


@pytest.fixture
def listener(artifact):
    return Recognizer(artifact)


def test_prediction_names_the_likeliest_and_ranks_the_rest():
    heard = Prediction(LABELS, np.float32([0.2, 0.3, 0.5]))
    assert (heard.emotion, heard.confidence, heard.abstains) == ("angry", 0.5, False)
    assert [label for label, _ in heard.ranked()] == ["angry", "happy", "calm"]
    assert json.loads(json.dumps(heard.as_dict()))["probabilities"]["calm"] == pytest.approx(0.2)


@pytest.mark.parametrize(("level", "emotion"), [(0.5, "happy"), (0.002, "calm")])
def test_a_file_and_its_waveform_get_the_same_answer(listener, tmp_path, level, emotion):
    waveform = tone(1.0, level=level)
    soundfile.write(tmp_path / "a.wav", waveform, 16000, subtype="FLOAT")
    from_file, from_array = listener.predict(tmp_path / "a.wav"), listener.predict(waveform, 16000)
    assert from_file.emotion == from_array.emotion == emotion
    assert from_file.labels == LABELS
    np.testing.assert_array_equal(from_file.probabilities, from_array.probabilities)
    np.testing.assert_allclose(from_file.probabilities.sum(), 1, atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
def test_a_waveform_at_another_rate_is_resampled_as_a_file_is(listener, tmp_path, rate):
    waveform = 0.3 * np.sin(2 * np.pi * 300 * np.arange(rate) / rate)
    soundfile.write(tmp_path / "a.wav", waveform, rate, subtype="FLOAT")
    from_array = listener.predict(waveform, sample_rate_hz=rate).probabilities
    np.testing.assert_allclose(from_array, listener.predict(tmp_path / "a.wav").probabilities, atol=1e-6)
    np.testing.assert_allclose(from_array, listener.predict(tone(1, 300, 0.3), 16000).probabilities, atol=1e-3)


@pytest.mark.parametrize("name", WAVEFORMS)
def test_every_waveform_gets_an_answer(listener, name):
    assert listener.predict(WAVEFORMS[name], 16000).emotion in LABELS


@pytest.mark.parametrize(
    "waveform",
    [
        np.zeros(16000, np.float32),
        np.full(16000, np.nan, np.float32),
        tone(0.01),
        noise(61),
        np.zeros((16000, 2), np.float32),
        np.zeros(0, np.float32),
        np.ones(16000, np.int16),
    ],
    ids=["silent", "nan", "10_ms", "too_long", "two_channels", "empty", "integers"],
)
def test_a_waveform_that_cannot_be_judged_is_refused(listener, waveform):
    with pytest.raises(AudioError):
        listener.predict(waveform, 16000)


@pytest.mark.parametrize("rate", [0, -16000, 2000, float("nan")])
def test_an_impossible_rate_is_refused(listener, rate):
    with pytest.raises(AudioError, match="sample rate"):
        listener.predict(tone(1), sample_rate_hz=rate)


def test_an_array_without_a_rate_is_refused(listener):
    with pytest.raises(AudioError, match="has no sample rate; give sample_rate_hz"):
        listener.predict(tone(1))


def test_bytes_and_open_files_get_the_answer_of_their_file(listener, tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(1), 16000)
    wanted = listener.predict(path).probabilities
    with path.open("rb") as opened:
        others = [listener.predict(each) for each in (path.read_bytes(), io.BytesIO(path.read_bytes()), opened)]
    for other in others:
        np.testing.assert_array_equal(other.probabilities, wanted)


@pytest.mark.parametrize("what", [None, 3, [0.1, 0.2], ("a.wav",)])
def test_what_is_no_recording_is_refused(listener, what):
    with pytest.raises(AudioError, match=r"give a path, bytes"):
        listener.predict(what)


def test_a_name_stands_in_for_what_has_none(listener):
    with pytest.raises(AudioError, match=r"^take 3 is not an audio file"):
        listener.predict(b"no sound at all", name="take 3")


@pytest.mark.parametrize("steepness", [np.nan, np.inf])
def test_damaged_weights_are_an_error_and_no_answer(tmp_path, steepness):
    listener = Recognizer(write_loudness_model(tmp_path / "a.onnx", ABOUT, steepness))
    with pytest.raises(ModelError, match=r"a\.onnx gives invalid probabilities .*weights are damaged"):
        listener.predict(tone(1), 16000)


def test_a_graph_that_fails_while_it_answers_is_an_error(tmp_path):
    model = onnx.load(write_loudness_model(tmp_path / "a.onnx", ABOUT))
    model.graph.node[0].CopyFrom(helper.make_node("Gather", ["waveform", "place"], ["rectified"]))
    model.graph.initializer.append(helper.make_tensor("place", TensorProto.INT64, [1], [10**9]))
    onnx.save(model, tmp_path / "a.onnx")
    with pytest.raises(ModelError, match=r"a\.onnx cannot predict"):
        Recognizer(tmp_path / "a.onnx").predict(tone(1), 16000)


def test_it_would_rather_not_say_below_the_artifacts_threshold(tmp_path):
    listener = Recognizer(write_loudness_model(tmp_path / "a.onnx", {**ABOUT, "abstain_below": 0.9}))
    assert listener.predict(tone(1, level=0.9), 16000).abstains is False
    assert listener.predict(tone(1, level=0.01), 16000).abstains is True


def test_it_tells_which_emotions_it_cannot_rule_out(tmp_path):
    """As many as the artifact's threshold lets in, and never none."""
    for threshold, sizes in ((0.0, {3}), (1.0, {1}), (0.2, {1, 2, 3})):
        about = {**ABOUT, "conformal": {"coverage": 0.9, "threshold": threshold}}
        heard = Recognizer(write_loudness_model(tmp_path / "a.onnx", about)).predict(tone(1, level=0.5), 16000)
        assert len(heard.set) in sizes
        assert heard.emotion in heard.set
        assert heard.set == tuple(label for label in heard.labels if label in heard.set)
        assert json.loads(json.dumps(heard.as_dict()))["set"] == list(heard.set)
    assert Recognizer(write_loudness_model(tmp_path / "b.onnx", ABOUT)).predict(tone(1), 16000).set == ()


def test_threads_share_one_recognizer(listener):
    waveforms = [babble(1, seed) * level for seed, level in enumerate((0.1, 0.5, 1.0, 2.0))]
    alone = [listener.predict(waveform, 16000).probabilities for waveform in waveforms]
    together = [None] * len(waveforms)

    def answer(i):
        for _ in range(20):
            together[i] = listener.predict(waveforms[i], 16000).probabilities

    threads = [threading.Thread(target=answer, args=(i,)) for i in range(len(waveforms))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(together, alone)


def damaged(tmp_path, kind):
    path = tmp_path / f"{kind}.onnx"
    if kind == "missing":
        return path
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("not a model\n")
    elif kind == "truncated":
        whole = write_loudness_model(path, ABOUT).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "no_metadata":
        write_loudness_model(path, {})
    elif kind == "metadata_not_json":
        model = onnx.load(write_loudness_model(path, ABOUT))
        helper.set_model_props(model, {"labels": "calm, happy", "format": "1", "sample_rate_hz": "16000"})
        onnx.save(model, path)
    elif kind == "metadata_not_labels":
        write_loudness_model(path, {**ABOUT, "labels": 3})
    elif kind == "two_labels_for_three_outputs":
        write_loudness_model(path, {**ABOUT, "labels": LABELS[:2]})
    elif kind == "from_the_future":
        write_loudness_model(path, {**ABOUT, "format": 3})
    elif kind == "another_graph":
        model = onnx.load(write_loudness_model(path, ABOUT))
        model.graph.output[0].name = model.graph.node[-1].output[0] = "elsewhere"
        onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "does not exist"),
        ("folder", "is a folder"),
        ("empty", "not a model that can be read"),
        ("text", "not a model that can be read"),
        ("truncated", "not a model that can be read"),
        ("no_metadata", "not an artifact of Emovox"),
        ("metadata_not_json", "not an artifact of Emovox"),
        ("metadata_not_labels", "not an artifact of Emovox"),
        ("two_labels_for_three_outputs", "not an artifact of Emovox"),
        ("another_graph", "not an artifact of Emovox"),
        ("from_the_future", "artifact format 3"),
    ],
)
def test_a_model_file_that_is_not_one_is_one_clear_line(tmp_path, kind, words, capfd):
    path = damaged(tmp_path, kind)
    with pytest.raises(ModelError, match=words) as caught:
        Recognizer(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, EmovoxError)
    assert capfd.readouterr() == ("", "")  # ONNX Runtime keeps quiet too


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("labels", ["calm", "calm", "angry"]),
        ("labels", ["calm", 3, "angry"]),
        ("labels", ["calm", " ", "angry"]),
        ("sample_rate_hz", 0),
        ("sample_rate_hz", -16000),
        ("sample_rate_hz", 10**9),
        ("sample_rate_hz", True),
        ("abstain_below", 1.5),
        ("abstain_below", -0.1),
        ("abstain_below", float("nan")),
        ("abstain_below", "half"),
        ("temperature", 0),
        ("temperature", float("inf")),
        ("corpus", {"name": "x"}),
        ("licence", 7),
        ("synthetic", "yes"),
    ],
)
def test_an_artifact_that_says_of_itself_what_cannot_be(tmp_path, key, value):
    path = write_loudness_model(tmp_path / "a.onnx", {**ABOUT, key: value})
    with pytest.raises(ModelError, match=rf"a\.onnx has an invalid {key}, .*; export it again"):
        Recognizer(path)


def test_a_run_answers_with_its_best_model_or_the_one_named(tmp_path):
    for name, steepness in (("cnn", 20.0), ("yamnet", -20.0)):
        write_loudness_model(tmp_path / "artifacts" / f"{name}.onnx", ABOUT, steepness)
    (tmp_path / "training_results.json").write_text(json.dumps({"best_model": "yamnet"}))
    assert Recognizer.from_run(tmp_path).path.name == "yamnet.onnx"  # as the run's own tables say
    assert Recognizer.from_run(tmp_path).predict(tone(1), 16000).emotion == "calm"
    assert Recognizer.from_run(str(tmp_path), "cnn").predict(tone(1), 16000).emotion == "happy"


def test_a_run_that_cannot_answer_says_why(tmp_path):
    with pytest.raises(ModelError, match="absent does not exist"):
        Recognizer.from_run(tmp_path / "absent")
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="file is not a folder; give a file with --model"):
        Recognizer.from_run(tmp_path / "file")
    with pytest.raises(ModelError, match="contains no artifacts"):
        Recognizer.from_run(tmp_path)
    write_loudness_model(tmp_path / "artifacts" / "cnn.onnx", ABOUT)
    assert find_artifact(tmp_path).name == "cnn.onnx"  # the only one needs no table of results
    write_loudness_model(tmp_path / "artifacts" / "yamnet.onnx", ABOUT)
    with pytest.raises(ModelError, match=r"'cnm'; available: cnn, yamnet"):
        Recognizer.from_run(tmp_path, "cnm")
    with pytest.raises(ModelError, match="does not say which model is best"):
        Recognizer.from_run(tmp_path)
    (tmp_path / "training_results.json").write_text('{"models": null}')
    with pytest.raises(ModelError, match="does not say which model is best"):
        Recognizer.from_run(tmp_path)


def modules_after(code):
    command = [sys.executable, "-c", f"{code}\nimport sys; print(*sorted(sys.modules))"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_importing_emovox_imports_nothing_heavy():
    assert not modules_after("import emovox") & {"numpy", "onnxruntime", "tensorflow", "keras", "pandas", "soundfile"}


def test_the_listening_half_answers_without_the_learning_half(artifact, tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(1), 16000)
    answer = f"emovox.Recognizer({str(artifact)!r}).predict({str(tmp_path / 'a.wav')!r}).emotion"
    loaded = modules_after(f"import emovox\nassert {answer} == 'happy'")
    assert "onnxruntime" in loaded
    assert not loaded & {"tensorflow", "keras", "pandas", "matplotlib", "sklearn", "scipy", "onnx", "h5py", "tf2onnx"}
    assert not loaded & {f"emovox.{name}" for name in ("features", "corpora", "models", "runs", "export", "training")}
