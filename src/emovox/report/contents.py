"""What stands in the report of a run, from its warnings to its provenance; figures are written as they are drawn."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any

from emovox import texts
from emovox.audio import read_audio
from emovox.corpora.listing import Listing
from emovox.evaluation import Evaluation, ModelEvaluation
from emovox.evaluation.hardest import Hard, hardest
from emovox.evaluation.occlusion import strongest
from emovox.models import KINDS
from emovox.report import diagrams, drawn, figures, probes, sections, summary, theory
from emovox.report.cautions import cautions
from emovox.report.document import Block, Code, Document, Figure, Paragraph, Prose, Section
from emovox.report.occlusion import attention
from emovox.report.steps import log_mel_of
from emovox.report.words import best_by_uar, caution, corpus_name, minutes, model_title, plural, share
from emovox.runs import Run

EXPLAINED = ("notation", "scores", "confidence", "statistics", "choices")
"""Texts that explain any report, whatever its models are."""


def contents(run: Run, evaluation: Evaluation) -> Document:
    """The whole report: figures first, then how they were made, then each model, then where it all comes from.

    Raises:
        RunError: What was found out about the run is damaged.
        StorageError: A figure cannot be written.
    """
    blocks = (
        Section("Summary", summary.told(evaluation), "summary"),
        sections.result(evaluation, run.at),
        sections.how_sure(evaluation, run.at),
        sections.by_group(evaluation, run.at),
        _map(run, evaluation),
        _hardest(run, evaluation),
        _protocol(evaluation),
        *(_model(run, evaluation, model) for model in best_by_uar(evaluation)),
        *probes.sections(run),
        _licence(evaluation),
        _provenance(run),
        *_theory(evaluation),
    )
    title = f"Emotion from speech: {corpus_name(evaluation)}, {evaluation.protocol}"
    return Document(title, tuple(filter(None, blocks)), tuple(cautions(evaluation)), evaluation.warnings)


def _map(run: Run, evaluation: Evaluation) -> Section:
    picture, best = figures.clip_map(evaluation, evaluation.best), model_title(evaluation.best)
    file = drawn.write(picture, run.at.picture("map"))
    markup = drawn.svg(picture, "A map of the test clips")
    placed = Figure(f"Test clips as {best} sees them", theory.HOW_TO_READ["map"], markup, file)
    return Section("A map of the clips", (placed,), "map")


def _hardest(run: Run, evaluation: Evaluation) -> Section | None:
    """The wrong answers that the best model was most sure of, with their sounds where the run keeps them."""
    found = hardest(evaluation)
    if not found.clips:
        return None
    path = run.at.explanations
    with probes.reading(path) if path.exists() else nullcontext({"clips": ()}) as explanations:
        explained = {clip["clip"]: clip for clip in explanations["clips"]}
        heard = [
            _hard(run, hard, explained.get(hard.clip), found.model)
            for hard in found.clips
            if run.at.sound(hard.clip).exists()
        ]
    listen = Paragraph("Listen to these first: if all models are wrong, the clip or its label may be unusual.")
    return Section("The hardest clips", (listen, found.listing(), *heard), "hardest")


def _hard(run: Run, hard: Hard, explained: probes.Found | None, best: str) -> Figure:
    """A clip to be heard, and what a model attends to in it, the best one where it was asked."""
    sound, said = run.at.sound(hard.clip), f"{hard.clip}: true {hard.true}, predicted {hard.predicted}"
    picture, reading = log_mel_of(sound), "Its log-mel spectrogram."
    if explained:
        model = best if best in explained["models"] else next(iter(explained["models"]))
        answer, (where, fall) = explained["models"][model], strongest(explained, model)
        before, after = answer["probability"], answer["probability"] - fall
        picture = attention(read_audio(sound), explained, model)
        reading += (
            f" In colour the parts that {model} uses: orange is evidence for {answer['predicted']}, blue against it. "
            f"Without {where}, its probability falls most, from {before:.0%} to {after:.0%}."
        )
    return Figure(said, reading, drawn.svg(picture, f"{said}. {reading}"), sound=sound, narrow=True)


def _protocol(evaluation: Evaluation) -> Section:
    rule = Paragraph(f"{evaluation.protocol}: {evaluation.protocol_rule}.")
    return Section("Protocol", (rule, sections.folds(evaluation)), "protocol")


def _model(run: Run, evaluation: Evaluation, model: ModelEvaluation) -> Section:
    name, kind = model_title(model), KINDS[model.kind]
    variant = f" · variant {model.variant}" if model.variant else ""
    trained = f"{plural(len(model.trainings), 'training')} in {minutes(model.training_seconds)}"
    blocks: list[Block] = [Paragraph(f"{model.parameters:,} parameters{variant} · {trained}")]
    if kind.texts:
        links = ", ".join(f"[{texts.title(text)}](#{text})" for text in kind.texts)
        blocks.append(Prose(f"How it works: {links}."))
    else:
        blocks.append(Paragraph(kind.theory))
    blocks.append(Paragraph(summary.about(model, evaluation)))
    if (diagram := run.at.diagram(model.name)).exists():
        markup, reading = diagram.read_text(encoding="utf-8"), theory.HOW_TO_READ["architecture"]
        blocks.append(Figure(f"Architecture of {name}", reading, markup, diagram, narrow=True))

    def draw(what: str, figure: Callable[..., Any], title: str, small: bool) -> Figure:
        path, reading = run.at.figure(what, model.name), theory.HOW_TO_READ[what]
        return drawn.in_both_widths(path, figure, (evaluation, model), f"{title} of {name}", reading, small)

    blocks += [draw("confusion", figures.confusion, "Confusion matrix", True), sections.by_emotion(evaluation, model)]
    if model.has_history:
        blocks.append(draw("history", figures.history, "Training history", False))
    if evaluation.seeds > 1:
        scores = zip(model.uar.per_seed, model.accuracy.per_seed, model.loss_per_seed, strict=True)
        rows = tuple((str(k), share(uar), share(right), f"{loss:.2f}") for k, (uar, right, loss) in enumerate(scores))
        blocks.append(Listing("Each seed.", ("seed", "UAR, %", "accuracy, %", "loss"), rows))
    return Section(name, tuple(blocks), f"model-{model.name}")


def _licence(evaluation: Evaluation) -> Section:
    corpus = evaluation.corpus
    rows = tuple(
        (key, str(corpus[key]))
        for key in ("name", "version", "licence", "citation", "language", "digest")
        if corpus.get(key)
    )
    said = (
        *corpus.get("notes", ()),
        caution(evaluation),
        "Emovox is under the Apache License 2.0. Whether trained weights are an adaptation of the recordings is not "
        "settled; take the careful view, and share models under the licence of the data.",
        *_notices(evaluation),
    )
    not_for = (Paragraph("The models must not be used for:"), Prose(texts.points("limits")))
    return Section("Data, licences, and care", (Listing("", (), rows), *map(Paragraph, said), *not_for), "licence")


def _notices(evaluation: Evaluation) -> list[str]:
    """What the authors of published weights ask to be said of models that contain them."""
    kinds = {model.kind: KINDS[model.kind] for model in evaluation.models.values()}
    return [f"{kind.title}: {notice}" for kind in kinds.values() if (notice := getattr(kind, "notice", ""))]


def _provenance(run: Run) -> Section:
    made = "How this run was made. The recipe contains every setting, and reproduces the run."
    rows = tuple(row for row in flat(run.provenance) if not re.search(r"^corpus\.|\.path$", row[0]))
    blocks: tuple[Block, ...] = (
        Paragraph(made),
        *([Listing("", (), rows)] if rows else []),
        Section("recipe.toml", (Code(run.recipe.to_toml()),)),
        Section("In the folder", (summary.files(run.path),)),
    )
    return Section("Provenance", blocks, "provenance")


def _theory(evaluation: Evaluation) -> Iterator[Section]:
    """The texts that explain this run's models and figures, and the works that they cite."""
    needed = {*EXPLAINED, *(text for model in evaluation.models.values() for text in KINDS[model.kind].texts)}
    names = [name for name in texts.ORDER if name in needed]
    way = Figure("From a corpus to an answer", "", drawn.svg(diagrams.workflow(), "From a corpus to an answer"))
    told = (Section(texts.title(name), (Prose(texts.body(name)),), name) for name in names)
    yield Section("How it works", (way, *told), "theory")
    works = texts.references(dict.fromkeys(key for name in names for key in texts.cited(texts.source(name))))
    yield Section("References", (Prose("\n".join(f"- {work.markdown}" for work in works)),), "references")


def flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested tables as dotted names."""
    rows: list[tuple[str, str]] = []
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            rows += flat(value, f"{name}.")
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            for number, item in enumerate(value, 1):
                rows += flat(item, f"{name}.{number}.")
        elif isinstance(value, list):
            rows.append((name, ", ".join(str(item) for item in value)))
        else:
            rows.append((name, f"{value:.1f}" if isinstance(value, float) else str(value)))
    return rows
