"""The command line: what it calls, what it shows, and how it ends."""

import csv
import errno
import inspect
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import emovox
import emovox.corpora
from emovox import cli
from emovox.corpora.base import Clip, Corpus, CorpusSpec
from emovox.corpora.listing import Listing
from emovox.errors import AudioError, CorpusError, ModelError
from emovox.models import KINDS, Heard
from emovox.models.settings import Teacher, Training
from emovox.recipe import Recipe, check, read_recipe
from fake_run import fake_result, fake_run
from loudness import ABOUT, write_loudness_model
from waveforms import babble

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = [[], ["run"], ["models"], ["predict"], ["evaluate"], ["compare"], ["audit"], ["data"],
            ["data", "get"], ["data", "verify"], ["data", "describe"]]  # fmt: skip


@pytest.fixture
def invoke(monkeypatch, tmp_path):
    """Run the command line in an empty folder, 200 columns wide."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words):
        return CliRunner().invoke(cli.app, [str(word) for word in words], prog_name="emovox")

    return call


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    clips = []
    for speaker in ("01", "02", "03"):
        for emotion in ("calm", "angry"):
            path = folder / f"{emotion}-{speaker}.wav"
            path.write_bytes(b"x")
            clips.append(Clip(path.stem, path, emotion, speaker))
    return Corpus(CorpusSpec("tiny", ("calm", "angry"), licence="CC0"), tuple(clips), folder, notes=("One note.",))


@pytest.fixture
def study(monkeypatch, corpus):
    """Stand-ins for everything that ``emovox run`` calls; their calls are kept."""
    calls = types.SimpleNamespace(plan=None, run=None, load=None, shown=None, during_run=None, planned_corpus="ravdess")

    def load_corpus(name_or_path="ravdess", data=None, progress=None, download=True):
        calls.load = (name_or_path, data)
        return corpus

    def plan(**settings):
        calls.plan = settings
        known = {"small", "cnn"}
        for name in settings["models"] or ():
            if name not in known:
                raise ModelError(f"Unknown model {name!r}; available: cnn, small")
        if settings["recipe"]:
            read_recipe(settings["recipe"])
        recipe = Recipe(
            settings.get("corpus") or calls.planned_corpus,
            settings["protocol"] or "speakers1",
            models={"cnn": KINDS["cnn"].settings()},
        )
        check(recipe)
        return recipe

    def run_study(recipe, corpus, out, **options):
        calls.run = (recipe, corpus, out, options)
        if calls.during_run:
            calls.during_run(out)
        return types.SimpleNamespace(path=out, recipe=recipe)

    monkeypatch.setattr(emovox.corpora, "load_corpus", load_corpus)
    stand_in(monkeypatch, "emovox.study", run_study=run_study)
    monkeypatch.setattr("emovox.recipe.plan", plan)
    stand_in(monkeypatch, "emovox.evaluation", evaluate=lambda run: "judged")
    monkeypatch.setattr(
        "emovox.terminal.show_finished",
        lambda console, run, evaluation, given: setattr(calls, "shown", (run, evaluation, given)),
    )
    return calls


def stand_in(monkeypatch, name, **content):
    module = types.ModuleType(name)
    vars(module).update(content)
    monkeypatch.setitem(sys.modules, name, module)


def raising(error):
    def fail(*_, **__):
        raise error

    return fail


# Help


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_examples(invoke, command):
    shown = invoke(*command, "--help")
    assert shown.exit_code == 0
    if command != ["data"]:
        assert "Examples" in shown.output
        assert "\n emovox " in shown.output


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_fits_the_terminal(monkeypatch, invoke, command, width):
    monkeypatch.setenv("COLUMNS", str(width))
    shown = invoke(*command, "--help").output
    assert max(len(line) for line in shown.splitlines()) <= width
    assert "…" not in shown


def test_version(invoke):
    assert invoke("--version").output == f"emovox {emovox.__version__}\n"


def test_an_unknown_option_is_a_usage_error(invoke):
    shown = invoke("run", "--epoch", "3")
    assert shown.exit_code == 2
    assert "--epochs" in shown.output


# run


def test_run_passes_on_what_was_asked(invoke, study, corpus):
    recipe = Path("mine.toml")
    recipe.write_text('[models.small]\nkind = "cnn"\n')
    given = (
        "--data somewhere --protocol speakers6 --models small --epochs 3 --batch-size 8 --seeds 2 "
        "--out runs/x --quick --no-board --recipe mine.toml --yamnet-weights y.h5 --whisper-weights w --workers 1"
    )
    shown = invoke("run", *given.split())
    assert shown.exit_code == 0, shown.output
    assert study.load == ("ravdess", Path("somewhere"))
    assert study.plan == {
        "protocol": "speakers6", "models": ("small",), "variant": None, "epochs": 3, "batch_size": 8, "seeds": 2,
        "no_augment": False, "quick": True, "recipe": recipe, "corpus": "tiny",
    }  # fmt: skip
    planned, used, out, options = study.run
    assert (planned.protocol, used, out) == ("speakers6", corpus, Path("runs/x"))
    assert (options["resume"], options["workers"], options["optional"]) == (False, 1, ())
    assert options["weights"] == {"yamnet": Path("y.h5"), "whisper": Path("w")}
    assert options["command"] == f"emovox run {given}" and not options["board"]
    assert study.shown[1] == "judged"


def test_run_names_its_folder_by_corpus_protocol_and_time(invoke, study):
    invoke("run", "--protocol", "holdout")
    assert study.run[2].parent == Path("runs")
    assert study.run[2].name.startswith("tiny-holdout-2")


def test_run_leaves_open_what_was_not_asked(invoke, study):
    invoke("run")
    assert {key for key, value in study.plan.items() if value not in (None, False)} == {"corpus"}
    assert study.run[3]["weights"] == {}


def test_only_what_nobody_asked_for_by_name_may_be_left_out(invoke, study, corpus):
    Path("mine.toml").write_text("[models.small]\nkind = 'cnn'\n")
    for words, optional in (
        ((), ("cnn",)),
        (("--variant", "reference"), ("cnn",)),
        (("--models", "cnn"), ()),
        (("--recipe", "mine.toml"), ()),
    ):
        assert invoke("run", *words).exit_code == 0
        assert study.run[3]["optional"] == optional
    make_run(Path("runs/x"), corpus)
    invoke("run", "--resume", "--out", "runs/x")
    assert study.run[3]["optional"] == ()


def test_every_kind_that_stands_on_a_published_network_has_an_option_for_its_weights(invoke):
    shown = invoke("run", "--help").output
    heard = {kind.name for kind in KINDS.values() if isinstance(kind, Heard)}
    assert heard and {name for name in KINDS if f"--{name}-weights" in shown} == heard


def test_run_tells_the_notes_of_the_corpus(invoke, study):
    assert "One note." in invoke("run").stderr


def test_data_may_be_a_registered_name(invoke, study):
    invoke("run", "--data", "synthetic")
    assert study.load == ("synthetic", None)


def test_a_recipe_says_which_corpus_it_is_for(invoke, study):
    study.planned_corpus = "synthetic"
    invoke("run")
    assert study.load == ("synthetic", None)
    invoke("run", "--data", "somewhere")
    assert study.load == ("ravdess", Path("somewhere"))


def test_a_recipe_for_a_corpus_of_one_s_own_asks_where_it_lies(invoke, study):
    study.planned_corpus = "mine"
    shown = invoke("run")
    assert shown.exit_code == 2
    assert "for the corpus 'mine'; give its location with --data PATH" in shown.stderr
    assert study.load is None


@pytest.mark.parametrize(
    ("option", "value", "known"),
    [
        ("--models", "cnn,cnm", "cnn, small"),
        ("--protocol", "speakers7", "speakers1, speakers6, speakers5, loso, holdout"),
    ],
)
def test_an_unknown_name_is_refused_before_a_corpus_is_fetched(invoke, study, option, value, known):
    shown = invoke("run", option, value)
    assert shown.exit_code == 2
    assert shown.stderr.count("\n") == 1
    assert f"available: {known}" in shown.stderr
    assert study.load is None


def test_a_recipe_that_cannot_be_read_is_refused_before_a_corpus_is_fetched(invoke, study):
    shown = invoke("run", "--recipe", "missing.toml")
    assert shown.exit_code == 2
    assert "missing.toml" in shown.stderr
    assert study.load is None


def test_ctrl_c_tells_how_to_go_on(invoke, study):
    def interrupt(out):
        out.mkdir(parents=True)
        (out / "recipe.toml").write_text("")
        raise KeyboardInterrupt

    study.during_run = interrupt
    shown = invoke("run", "--out", "runs/x")
    assert shown.exit_code == 130
    assert "Stopped. Continue with: emovox run --resume --out runs/x\n" in shown.stderr


def test_ctrl_c_before_there_is_a_run_promises_nothing(invoke, study, monkeypatch):
    monkeypatch.setattr(emovox.corpora, "load_corpus", raising(KeyboardInterrupt()))
    shown = invoke("run", "--out", "runs/x")
    assert shown.exit_code == 130
    assert "--resume" not in shown.stderr


def test_resume_without_a_run_says_so(invoke, study):
    shown = invoke("run", "--resume")
    assert shown.exit_code == 2
    assert "runs/ contains no run to continue" in shown.stderr


def test_resume_refuses_other_settings(invoke, study):
    shown = invoke("run", "--resume", "--batch-size", "3")
    assert shown.exit_code == 2
    assert "--batch-size cannot be given" in shown.stderr


def make_run(path, corpus, **models):
    from emovox.runs import Run
    from emovox.splits import make_folds

    cnn = KINDS["cnn"].settings(training=Training(epochs=7))
    recipe = Recipe("tiny", "speakers1", models=models or {"cnn": cnn})
    return Run.create(path, recipe, corpus, make_folds("speakers1", corpus))


def test_resume_takes_the_newest_run_and_its_own_recipe(invoke, study, corpus):
    for age, name in enumerate(("new", "old")):
        make_run(Path("runs") / name, corpus)
        os.utime(Path("runs") / name / "recipe.toml", (1e9 - age, 1e9 - age))
    shown = invoke("run", "--resume")
    assert shown.exit_code == 0, shown.output
    recipe, used, out, options = study.run
    assert (recipe.models["cnn"].training.epochs, used, out, options["resume"]) == (7, corpus, Path("runs/new"), True)
    assert study.plan is None
    assert study.shown[2] == {"recipe": Path("runs/new/recipe.toml"), "data": str(corpus.root)}


def test_what_is_advised_after_resuming_names_the_data_and_the_weights_that_the_run_began_with(invoke, study, corpus):
    taught = KINDS["cnn"].settings(teacher=Teacher(kind="whisper"))
    run = make_run(Path("runs/x"), corpus, cnn=taught, yamnet=KINDS["yamnet"].settings())
    lay = {name: {"file": "w", "sha256": "0", "path": f"/lay/{name}"} for name in ("cnn", "yamnet")}
    run.update_provenance({"weights": lay})
    shown = invoke("run", "--resume", "--out", "runs/x", "--yamnet-weights", "/lies/y")
    assert shown.exit_code == 0, shown.output
    assert study.shown[2] == {
        "recipe": Path("runs/x/recipe.toml"), "data": str(corpus.root), "whisper_weights": "/lay/cnn",
        "yamnet_weights": Path("/lies/y"),
    }  # fmt: skip


def test_resume_finds_a_table_of_any_name_again(invoke, corpus, monkeypatch):
    lines = [f"clips/{clip.path.name},{clip.emotion},{clip.speaker}" for clip in corpus.clips]
    Path("voices.csv").write_text("\n".join(["path,emotion,speaker", *lines]))
    table = emovox.corpora.load_path(Path("voices.csv"))
    make_run(Path("runs/mine"), table)
    used = []
    monkeypatch.setattr("emovox.study.run_study", lambda recipe, found, out, **_: used.append(found))
    monkeypatch.setattr("emovox.evaluation.evaluate", lambda run: None)
    monkeypatch.setattr("emovox.terminal.show_finished", lambda *_: None)
    shown = invoke("run", "--resume")
    assert shown.exit_code == 0, shown.output
    assert (used[0].name, used[0].digest) == ("voices", table.digest)


def test_out_chooses_the_run_to_resume(invoke, study, corpus):
    for name in ("a", "b"):
        make_run(Path("runs") / name, corpus)
    invoke("run", "--resume", "--out", "runs/a")
    assert study.run[2] == Path("runs/a")


def test_the_study_takes_what_the_command_gives():
    from emovox.recipe import plan
    from emovox.study import run_study

    inspect.signature(plan).bind(
        protocol=None, models=None, variant=None, epochs=None, batch_size=None, seeds=None, quick=False, recipe=None,
        corpus=None,
    )  # fmt: skip
    inspect.signature(run_study).bind(
        "recipe", "corpus", "out", resume=False, workers=None, weights={}, optional=(), progress=None, command=""
    )


# models


def test_models_lists_every_kind_and_variant_with_its_parameters(invoke):
    shown = invoke("models")
    assert shown.exit_code == 0 and shown.stderr == ""
    for kind in KINDS.values():
        for variant, parameters in kind.variants.items():
            row = next(line for line in shown.stdout.splitlines() if variant in line.split())
            assert kind.title in shown.stdout and row
            assert not parameters or f"{parameters:,}" in shown.stdout


# Errors


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (CorpusError("data/[x] is missing; give --data PATH"), 2, "data/[x] is missing; give --data PATH"),
        (MemoryError(), 2, "Halve --batch-size"),
        (type("ResourceExhaustedError", (Exception,), {})("OOM when allocating"), 2, "Halve --batch-size"),
        (ModuleNotFoundError("No module named 'keras'", name="keras"), 2, "pip install 'emovox[train]'"),
        (ValueError("odd\nthing"), 1, "ValueError: odd thing. Please report it"),
    ],
)
def test_an_error_is_one_line(invoke, study, monkeypatch, error, code, words):
    monkeypatch.setattr(emovox.corpora, "load_corpus", raising(error))
    shown = invoke("run")
    assert shown.exit_code == code
    assert words in shown.stderr
    assert shown.stderr.count("\n") == 1
    assert shown.stdout == ""


@pytest.mark.parametrize("words", [("--debug", "run"), ("run", "--debug")])
def test_debug_shows_the_traceback_wherever_it_stands(invoke, study, monkeypatch, words):
    monkeypatch.setattr(emovox.corpora, "load_corpus", raising(CorpusError("nothing there")))
    shown = invoke(*words)
    assert shown.exit_code == 2
    assert "Traceback" in shown.stderr
    assert shown.stderr.endswith("nothing there\n")


def test_a_long_error_is_not_wrapped(invoke, study, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(emovox.corpora, "load_corpus", raising(CorpusError("word " * 50 + "end")))
    assert invoke("run").stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--seeds", "0"), "Invalid value for '--seeds'"),
        (("run", "--seeds", "many"), "Invalid value for '--seeds'"),
        (("run", "--seeds"), "'--seeds' requires an argument"),
        (("run", "--epoch", "3"), "No such option: --epoch (Possible options: --epochs)"),
        (("run", "extra"), "unexpected extra argument"),
        (("predict",), "Missing argument 'FILE|FOLDER'"),
        (("frobnicate",), "No such command 'frobnicate'"),
        (("data", "gte"), "No such command 'gte'"),
    ],
)
def test_a_usage_error_is_one_line_with_the_help_to_read(invoke, words, said):
    shown = invoke(*words)
    assert (shown.exit_code, shown.stdout) == (2, "")
    command = " ".join(["emovox", *(word for word in words[:1] if word != "frobnicate")])
    assert said in shown.stderr and shown.stderr.endswith(f"; try '{command} --help'\n")
    assert shown.stderr.count("\n") == 1


def test_an_error_s_line_shows_foreign_text_and_does_nothing(invoke, study, monkeypatch):
    monkeypatch.setattr(emovox.corpora, "load_corpus", raising(CorpusError("[red] two\nlines \x1b[31m caf\udce9.csv")))
    assert invoke("run").stderr == r"[red] two\x0alines \x1b[31m caf\xe9.csv" + "\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_an_output_that_cannot_be_written_is_one_line(invoke, monkeypatch, number):
    monkeypatch.setattr("emovox.cli.models.show_kinds", raising(OSError(number, os.strerror(number))))
    shown = invoke("models")
    assert shown.exit_code == 2
    assert shown.stderr.startswith(f"Cannot write the output: {os.strerror(number)}; ")


# data


def test_data_get_says_where_the_corpus_lies(invoke, study, corpus):
    shown = invoke("data", "get", "synthetic")
    assert study.load == ("synthetic", None)
    assert shown.stdout == f"One note.\ntiny: 6 clips of 3 speakers in {corpus.root}\nLicence: CC0\n"


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 2)])
def test_data_verify_ends_by_what_it_found(invoke, study, monkeypatch, ok, code):
    verification = types.SimpleNamespace(
        ok=ok,
        sentence="All told.",
        notes=("One note.",),
        listings=lambda: [Listing("Counts", ("what",), (("clips",),))],
    )
    stand_in(monkeypatch, "emovox.corpora.verify", verify=lambda corpus, progress: verification)
    shown = invoke("data", "verify", "somewhere")
    assert shown.exit_code == code
    assert "Counts" in shown.stdout
    assert shown.stdout.endswith("\nOne note.\nAll told.\n")
    assert shown.stdout.count("One note.") == 1


def test_data_describe_writes_plots_only_where_told(invoke, study, monkeypatch):
    description = types.SimpleNamespace(listings=lambda: [Listing("Spread", ("what",), (("length",),))])
    asked = []
    stand_in(monkeypatch, "emovox.corpora.describe", describe=lambda corpus, progress: description)
    stand_in(
        monkeypatch,
        "emovox.report.corpus",
        plot_description=lambda what, folder: asked.append((what, folder)) or [folder / "levels.png"],
    )
    assert "Spread" in invoke("data", "describe", "somewhere").stdout
    assert asked == []
    assert "Plot: plots/levels.png" in invoke("data", "describe", "somewhere", "--out", "plots").stdout
    assert asked == [(description, Path("plots"))]


# evaluate and compare


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return fake_run(tmp_path_factory.mktemp("runs") / "first", models=("cnn", "yamnet"), speakers=6)


def test_evaluate_judges_what_is_finished(invoke, tmp_path):
    run = fake_run(tmp_path / "part", models=("cnn", "yamnet"), speakers=6, finish=False)
    for job in run.jobs:
        if job.model == "cnn":
            run.write_result(job, fake_result(run, job))
    assert "evaluate them with --finished" in invoke("evaluate", run.path).stderr
    shown = invoke("evaluate", run.path, "--finished")
    assert shown.exit_code == 0, shown.output
    assert "yamnet is not finished and is left out" in shown.stdout
    assert "NOT YET COMPLETE" in (run.path / "training_summary.txt").read_text()


def test_evaluate_writes_and_shows(invoke, finished, monkeypatch):
    stand_in(monkeypatch, "emovox.report", write_report=lambda run, evaluation: run.path / "report.html")
    shown = invoke("evaluate", finished.path)
    assert shown.exit_code == 0, shown.output
    assert (finished.path / "training_results.json").exists()
    assert "UAR, %" in shown.stdout
    assert "Recall / precision" in shown.stdout
    assert f"Report: {finished.path / 'report.html'}" in shown.stdout


def test_compare_shows_every_model(invoke, finished):
    shown = invoke("compare", finished.path)
    assert shown.exit_code == 0, shown.output
    assert "yamnet" in shown.stdout
    assert "speakers1" in shown.stdout


@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_what_is_not_a_run_is_refused(invoke, command):
    shown = invoke(command, "nowhere")
    assert shown.exit_code == 2
    assert shown.stderr.startswith("nowhere does not exist")


# predict


class StandInRecognizer:
    labels = ("calm", "angry")
    path = Path("runs/x/artifacts/cnn.onnx")
    metadata: dict[str, object] = {"corpus": "tiny", "synthetic": True, "licence": "CC0"}  # noqa: RUF012

    def predict(self, file, name=""):
        from emovox.listening import Prediction

        if file.name == "bad.wav":
            raise AudioError("bad.wav is empty; record it again")
        return Prediction(self.labels, np.float32([0.25, 0.75]))


@pytest.fixture
def recognizer(monkeypatch):
    asked = []

    class Loader(StandInRecognizer):
        def __init__(self, artifact):
            asked.append(("file", artifact))

        @classmethod
        def from_run(cls, run, model=None):
            asked.append(("run", run, model))
            return StandInRecognizer()

    monkeypatch.setattr("emovox.listening.Recognizer", Loader)
    return asked


def test_predict_answers_in_words(invoke, recognizer):
    shown = invoke("predict", "a.wav", "--run", "runs/x")
    assert recognizer == [("run", Path("runs/x"), None)]
    assert "a.wav  angry 75%   then calm 25%" in shown.stdout
    assert "trained on tiny (synthetic: not for real voices), licence CC0" in shown.stdout


def test_predict_answers_in_json_lines(invoke, recognizer):
    shown = invoke("predict", "a.wav", "b.wav", "--model", "m.onnx", "--json")
    assert recognizer == [("file", "m.onnx")]
    first, second = [json.loads(line) for line in shown.stdout.splitlines()]
    assert first == {
        "file": "a.wav", "emotion": "angry", "confidence": 0.75, "abstains": False, "set": [],
        "unfamiliar": False, "novelty": None, "speech_seconds": None, "warnings": [],
        "probabilities": {"calm": 0.25, "angry": 0.75},
    }  # fmt: skip
    assert second["file"] == "b.wav"


def test_one_bad_file_does_not_silence_the_others(invoke, recognizer):
    shown = invoke("predict", "bad.wav", "a.wav", "--run", "runs/x", "--json")
    assert shown.exit_code == 1
    assert shown.stderr == "bad.wav is empty; record it again\n"
    assert json.loads(shown.stdout)["emotion"] == "angry"


def test_predict_shows_foreign_text_and_it_does_nothing(invoke, recognizer, monkeypatch):
    monkeypatch.setattr(StandInRecognizer, "labels", ("[red]", "\x1b[31mangry"))
    monkeypatch.setattr(StandInRecognizer, "metadata", {"corpus": "[/x]\x07", "licence": "[bold]"})
    shown = invoke("predict", "caf\udce9.wav", "--run", "runs/x")
    assert r"caf\xe9.wav  \x1b[31mangry 75%   then [red] 25%" in shown.stdout
    assert "trained on [/x], licence [bold]" in shown.stdout
    answer = invoke("predict", "caf\udce9.wav", "--run", "runs/x", "--json").stdout
    assert answer.isascii() and json.loads(answer)["file"] == "caf\udce9.wav"


def test_predict_reads_standard_input(monkeypatch, tmp_path):
    write_loudness_model(tmp_path / "loudness.onnx", ABOUT)
    soundfile.write(tmp_path / "a.wav", babble(1.0), 16000)
    words = ["predict", "-", str(tmp_path / "a.wav"), "--model", str(tmp_path / "loudness.onnx"), "--json"]
    shown = CliRunner().invoke(cli.app, words, prog_name="emovox", input=(tmp_path / "a.wav").read_bytes())
    first, second = [json.loads(line) for line in shown.stdout.splitlines()]
    assert (first.pop("file"), second.pop("file")) == ("-", str(tmp_path / "a.wav"))
    assert first == second
    shown = CliRunner().invoke(cli.app, words[:2] + words[3:], prog_name="emovox", input=b"no sound")
    assert shown.exit_code == 1
    assert shown.stderr.startswith("standard input is not an audio file that can be read; give WAV")


def test_predict_fills_a_table_and_goes_on_where_it_was_stopped(invoke, recognizer, tmp_path, monkeypatch):
    for name in ("a.wav", "bad.wav", "c.wav"):
        tmp_path.joinpath("in", name).parent.mkdir(exist_ok=True)
        tmp_path.joinpath("in", name).touch()
    words = ("predict", tmp_path / "in", "--run", "runs/x", "--csv", tmp_path / "out.csv")
    shown = invoke(*words)
    assert shown.exit_code == 1 and shown.stdout == ""
    assert "bad.wav is empty" in shown.stderr
    whole = (tmp_path / "out.csv").read_bytes()
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["file"]).name for row in rows] == ["a.wav", "c.wav"]
    assert rows[0]["emotion"] == "angry" and rows[0]["calm"] == "0.250000"

    (tmp_path / "out.csv").write_bytes(whole[:-9])
    shown = invoke(*words)
    assert "1 of 3 recordings are already in" in shown.stderr
    assert (tmp_path / "out.csv").read_bytes() == whole

    monkeypatch.setattr(StandInRecognizer, "path", Path("other.onnx"))
    assert "contains the predictions of runs/x/artifacts/cnn.onnx; choose another file" in invoke(*words).stderr
    (tmp_path / "out.csv").write_text("words")
    assert "has other columns" in invoke(*words).stderr
    assert (tmp_path / "out.csv").read_text() == "words"


def test_predict_names_as_many_emotions_as_are_asked_for(invoke, recognizer):
    shown = invoke("predict", "a.wav", "--run", "runs/x", "--top", "1", "--set")
    assert "a.wav  angry 75%   one of: any" in shown.stdout


def test_predict_without_a_model_says_how_to_name_one_where_none_was_installed(invoke, monkeypatch):
    monkeypatch.setattr("emovox.listening.recognizer.BOX", Path("missing.onnx"))
    shown = invoke("predict", "a.wav")
    assert shown.exit_code == 2
    assert "install Emovox again, or give a model of your own with --run or --model" in shown.stderr


# In a process of its own


def emovox_process(*words, cwd):
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "200"}
    command = [sys.executable, "-m", "emovox", *words]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def test_exit_code_and_one_line_from_a_real_process(tmp_path):
    done = emovox_process("predict", "a.wav", "--model", "missing.onnx", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "missing.onnx does not exist" in done.stderr


HEAVY = {"tensorflow", "keras", "matplotlib", "sklearn", "scipy", "onnx", "h5py", "huggingface_hub", "safetensors"}


def imported_by(code, cwd):
    """What of the heavy libraries a fresh process has imported once ``code`` has run, and what it has said."""
    check = f"import sys\n{code}\nprint(*sorted({HEAVY!r} & set(sys.modules)))"
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "200"}
    done = subprocess.run([sys.executable, "-c", check], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *said, modules = done.stdout.splitlines()
    return modules.split(), said, done.stderr


@pytest.mark.parametrize("code", ["import emovox", "import emovox.cli", "import emovox.listening, emovox.terminal"])
def test_the_listening_half_imports_nothing_heavy(tmp_path, code):
    assert imported_by(code, tmp_path)[0] == []


COMMAND = (
    "from emovox.cli import app\ntry: app({words!r}, prog_name='emovox')\nexcept SystemExit as end: assert not end.code"
)


def test_models_is_silent_and_imports_nothing_heavy(tmp_path):
    modules, said, errors = imported_by(COMMAND.format(words=["models"]), tmp_path)
    assert (modules, errors) == ([], "")
    assert any("cnn" in line for line in said) and "TensorFlow" not in "".join(said)


def test_predict_imports_nothing_heavy(tmp_path):
    write_loudness_model(tmp_path / "loudness.onnx", ABOUT)
    soundfile.write(tmp_path / "a.wav", babble(1.0), 16000)
    words = ["predict", "a.wav", "--model", "loudness.onnx", "--json"]
    modules, said, errors = imported_by(COMMAND.format(words=words), tmp_path)
    assert (modules, errors) == ([], "")
    assert '"emotion"' in said[0]


def test_models_takes_less_than_a_second_of_the_processor(tmp_path):
    """Measured as processor time, the least of three, so that what else this machine does has no part in it."""
    resource = pytest.importorskip("resource")
    taken = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert emovox_process("models", cwd=tmp_path).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(taken) < 1


def test_a_run_at_work_is_judged_but_not_written(invoke, tmp_path):
    from emovox.runs import Run

    run = fake_run(tmp_path / "run", models=("cnn",), speakers=6)
    with Run.locked(run.path):
        shown = invoke("evaluate", run.path)
    assert shown.exit_code == 2
    assert f"is in use by process {os.getpid()} on " in shown.stderr and shown.stderr.count("\n") == 1
    assert "cnn" in shown.stdout and not run.at.results.exists()
