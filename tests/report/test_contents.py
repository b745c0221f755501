"""The page says what the evaluation says, stands alone, and never shows a figure without its warning."""

import dataclasses
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from matplotlib.backends.backend_agg import FigureCanvasAgg

from emovox import texts
from emovox.corpora.base import Clip, Corpus, CorpusSpec
from emovox.errors import RunError, StorageError
from emovox.evaluation import Evaluation, evaluate
from emovox.evaluation.hardest import hardest
from emovox.files import write_json
from emovox.models import KINDS
from emovox.recipe import Recipe
from emovox.report import confidence, contents, figures, groups, summary, write_report
from emovox.report.document import Document, render
from emovox.report.words import model_title
from emovox.runs import JobResult, Run
from emovox.splits import make_folds
from fake_run import fake_result, fake_run
from figure_text import words

VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """The parts of a page that matter here; a tag that is left open or closed twice is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.rows: list[list[str]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open and self.open[-1] in ("th", "td"):
            self.rows[-1][-1] += data


def test_everything_is_written(written: Path) -> None:
    names = ["final_comparison_all_models.png", "report.html", "training_summary.txt"]
    names += [
        f"figures/{kind}_{model}.png" for kind in ("confusion", "history") for model in ("cnn", "cnn_lstm", "yamnet")
    ]
    for name in names:
        assert (written / name).stat().st_size > 1000, name
    assert not list(written.glob(".*"))


def test_the_page_stands_alone(written: Path) -> None:
    page = Page((written / "report.html").read_text(encoding="utf-8"))
    assert "script" not in page.seen
    assert "link" not in page.seen
    assert not [value for name, value in page.attributes if name == "src"]
    # wide and narrow: final, reliability, doubt, groups, three models' confusion and history; once: map and workflow
    pictures = 2 * (4 + 2 * 3) + 2
    assert [value for name, value in page.attributes if name == "role"].count("img") == pictures
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for name, value in page.attributes:
        if name == "href":
            assert value.startswith(("https://", "data:image/png;")) or (value.startswith("#") and value[1:] in ids), (
                value
            )
        if name == "aria-labelledby":
            assert value in ids


def test_the_hardest_clips_are_heard_and_explained_where_the_run_keeps_them(honest: tuple[Run, Evaluation]) -> None:
    run, evaluation = honest
    sound = run.at.sound(hardest(evaluation).ids[0])
    sound.parent.mkdir()
    soundfile.write(sound, 0.1 * np.sin(np.arange(16_000) / 5), 16_000, format="OGG", subtype="VORBIS")
    page = write_report(run, evaluation).read_text(encoding="utf-8")
    assert page.count("<audio") == 1 and 'src="data:audio/ogg;base64,' in page
    hard = hardest(evaluation).clips[0]
    answer = {"predicted": hard.predicted, "probability": 0.9, "falls": [[0.1, 0.0], [-0.2, 0.4]]}
    edges = {"seconds": [0.1, 0.3, 0.5], "hertz": [0, 1000, 8000]}
    explained = {"clip": hard.clip, **edges, "models": {evaluation.best.name: answer}}
    write_json(run.at.explanations, {"clips": [explained]})
    page = write_report(run, evaluation).read_text(encoding="utf-8")
    assert "Without 0.3–0.5 s, 1.0–8.0 kHz, its probability falls most, from 90% to 50%." in page
    write_json(run.at.explanations, {"clips": [{"clip": hard.clip}]})
    with pytest.raises(RunError, match=r"explanations\.json is damaged"):
        write_report(run, evaluation)
    run.at.explanations.unlink()
    shutil.rmtree(sound.parent)
    write_report(run, evaluation)  # as other tests expect it


def test_every_artifact_has_a_card_from_the_run(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", models=("cnn", "yamnet"), speakers=8)
    run.at.artifacts.mkdir()
    run.at.artifact("cnn").write_bytes(b"")
    evaluation = evaluate(run)
    write_report(run, evaluation)
    text, model = run.at.artifact("cnn").with_suffix(".md").read_text(encoding="utf-8"), evaluation.models["cnn"]
    assert f"{100 * model.uar.value:.1f}" in text and f"{model.parameters:,}" in text
    assert "Not for:" in text and str(evaluation.corpus["licence"]) in text
    assert not run.at.artifact("yamnet").with_suffix(".md").exists()


def test_the_page_says_what_the_evaluation_says(written: Path, honest: tuple[Run, Evaluation]) -> None:
    text = Page((written / "report.html").read_text(encoding="utf-8")).text
    for model in honest[1].models.values():
        assert f"{100 * model.uar.value:.1f}" in text
        assert f"{100 * model.uar.low:.1f}–{100 * model.uar.high:.1f}" in text
        assert f"{model.parameters:,} parameters" in text
    for phrase in ("speakers6", "EmoBox", "Livingstone and Russo", "62.4", "CC-BY-NC-SA-4.0", "01, 11, 20, 21",
                   "0123456789abcdef", "learning_rate ="):  # fmt: skip
        assert phrase in text, phrase
    used = {name for model in honest[1].models for name in KINDS[model].texts}
    for kind in KINDS.values():
        assert kind.title in text or kind.name not in honest[1].models
        for name in kind.texts:
            assert (f"\n{texts.title(name)}\n" in text) == (name in used)
    assert "synthetic" not in text
    assert str(honest[0].path) not in text


def test_the_page_holds_pairs_sets_and_groups(written: Path, honest: tuple[Run, Evaluation]) -> None:
    page = Page((written / "report.html").read_text(encoding="utf-8"))
    evaluation = honest[1]
    rows = {row[0]: row for row in page.rows}
    for pair in evaluation.pairs:
        titles = [model_title(evaluation.models[name]) for name in (pair.one, pair.other)]
        row = rows[" – ".join(titles)]
        assert row[1].startswith(f"{100 * pair.uar.value:+.1f}")
        assert row[5] == f"{pair.better} / {pair.worse}"
    for model in evaluation.models.values():
        held = next(
            row for row in page.rows if row[0] == model_title(model) and row[-1] == f"{model.abstention.area:.3f}"
        )
        assert held[3] == f"{model.sets.size:.2f}"
    assert next(row for row in page.rows if row[1:2] == ["strong"])[:4] == ["intensity", "strong", "672", "24"]
    assert "By intensity on the 7 emotions that every group has" in page.text  # nobody is strongly neutral
    assert {row[5] for row in page.rows if row[:1] == ["happy"] and len(row) == 6} == {"36.6"}  # people
    assert f"{evaluation.best.sets.least[1]:.0%}".rstrip("%") in page.text


def test_labels_and_speakers_of_any_spelling_are_drawn_and_escaped(tmp_path: Path) -> None:
    """A label ``a$_{$`` once ended a run at its report, after all training."""
    labels, speakers = ("a$_{$", "<b>&[red]"), ("s$1", "s\\frac", "<i>", "d", "e", "f")
    (tmp_path / "corpus").mkdir()
    clips = []
    for speaker in speakers:
        for label in labels:
            for k in range(3):
                path = tmp_path / "corpus" / f"{speakers.index(speaker)}-{labels.index(label)}-{k}.wav"
                path.write_bytes(b"RIFF")
                clips.append(Clip(path.stem, path, label, speaker, statement=f"${k}"))
    corpus = Corpus(CorpusSpec("lab$_", labels), tuple(clips), tmp_path / "corpus")
    recipe = Recipe("lab$_", "speakers6", 1, {"cnn": KINDS["cnn"].settings()})
    run = Run.create(tmp_path / "run", recipe, corpus, make_folds("speakers6", corpus))
    for job in run.jobs:
        fold, rng = run.folds[job.fold], np.random.default_rng(0)
        validation, test = (rng.dirichlet(np.ones(2), len(part)) for part in (fold.validation, fold.test))
        run.write_result(job, JobResult(9, 0, 0, 1.0, 1.0, {}, fold.validation, validation, fold.test, test))
    page = Page(write_report(run, evaluate(run)).read_text(encoding="utf-8"))
    assert "script" not in page.seen
    for word in labels:
        assert word in page.text


def test_a_part_of_the_corpus_stands_beside_no_published_figure(tmp_path: Path) -> None:
    """Nor are its folds those that were published."""
    run = fake_run(tmp_path / "part", "speakers6", models=("cnn",), speakers=8)
    text = Page(write_report(run, evaluate(run)).read_text(encoding="utf-8")).text
    for phrase in ("EmoBox", "Livingstone and Russo, 2018", "Whisper-large"):
        assert phrase not in text, phrase
    assert "6 folds by speaker" in text


def test_a_report_made_twice_is_the_same(written: Path, honest: tuple[Run, Evaluation]) -> None:
    before = (written / "report.html").read_bytes()
    run = Run.open(written)
    assert write_report(run, evaluate(run)).read_bytes() == before


def test_what_a_corpus_says_of_itself_cannot_break_the_page(leaky: tuple[Run, Evaluation]) -> None:
    evaluation = leaky[1]
    evil = '<script>alert(1)</script> & "quoted"'
    kept = evaluation.corpus["citation"]
    evaluation.corpus["citation"] = evil
    try:
        page = render(Document(evil, (contents._licence(evaluation),)), ".html")
    finally:
        evaluation.corpus["citation"] = kept
    parsed = Page(page)
    assert "script" not in parsed.seen
    assert evil in parsed.text


def test_no_table_nor_figure_goes_without_its_warning(leaky: tuple[Run, Evaluation]) -> None:
    run, evaluation = leaky
    model = evaluation.models["cnn"]
    for figure in (
        figures.final_comparison(evaluation),
        figures.confusion(evaluation, model),
        figures.history(evaluation, model),
        groups.groups_figure(evaluation),
        confidence.reliability_figure(evaluation),
        confidence.doubt_figure(evaluation),
    ):
        assert "synthetic" in words(figure)
        assert "leaky: speakers shared" in words(figure)
    page = render(contents.contents(run, evaluation), ".html")
    notes = re.findall(r'<p class="note">(.*?)</p>', page)
    assert len(notes) >= 3
    for caption in [
        *notes,
        *re.findall(r"<figcaption>(.*?)</figcaption>", page),
        *re.findall("<title>(.*?)</title>", page),
    ]:
        assert "synthetic" in caption
        assert "leaky" in caption
    told = render(summary.page(evaluation, run.path), ".txt")
    assert "synthetic · leaky: speakers shared" in told.splitlines()[0]
    assert "not for real voices" in " ".join(told.split())


def test_a_full_disk_is_one_line(honest: tuple[Run, Evaluation], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **settings: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FigureCanvasAgg, "print_png", full)
    with pytest.raises(StorageError, match=r"final_comparison.*No space left on device; free some space"):
        write_report(*honest)


def test_a_model_that_learnt_in_no_epochs_has_no_history_figure(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", models=("cnn", "yamnet"), speakers=8, finish=False)
    for job in run.jobs:
        run.write_result(job, fake_result(run, job, epochs=9 if job.model == "cnn" else 0))
    page = Page(write_report(run, evaluate(run)).read_text(encoding="utf-8"))
    written = sorted(path.name for path in (run.path / "figures").iterdir())
    of_all = ["doubt.png", "groups.png", "map.png", "reliability.png"]
    assert written == sorted(["confusion_cnn.png", "confusion_yamnet.png", "history_cnn.png", *of_all])
    assert "Training history of CNN" in page.text
    assert "Training history of YAMNet" not in page.text
    cells = [row for row in page.rows if len(row) == 9]
    assert {row[0]: row[7] for row in cells[1:3]} == {"CNN": "9", "YAMNet": "–"}


def test_a_model_is_called_as_its_recipe_names_it_or_as_papers_write_its_kind(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", models=("cnn",), speakers=8)
    model = evaluate(run).models["cnn"]
    assert model_title(model) == "CNN"
    assert model_title(dataclasses.replace(model, name="small")) == "small"
    assert model_title(dataclasses.replace(model, name="yamnet")) == "yamnet"  # a CNN by that name is no YAMNet


def test_provenance_tells_of_every_session_and_of_no_place_on_this_machine(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", models=("cnn",), speakers=6)
    for command in ("emovox run", "emovox run --resume"):
        run.begin_session({"command": command, "software": {"numpy": "2"}})
    run.update_provenance({"weights": {"cnn": {"file": "ear.npy", "sha256": "0a", "path": "/home/me/ear.npy"}}})
    rows = Page(render(Document("", (contents._provenance(run),)), ".html")).rows
    told = dict(row for row in rows if len(row) == 2)
    assert told["sessions.1.command"] == "emovox run" and told["sessions.2.command"] == "emovox run --resume"
    assert told["sessions.2.software.numpy"] == "2" and told["weights.cnn.file"] == "ear.npy"
    assert not any("/home/me" in value or str(tmp_path) in value for value in told.values())
