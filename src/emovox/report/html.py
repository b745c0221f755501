"""``report.html``: the whole run on one page that needs no other file, no network and no script."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from emovox import texts
from emovox.evaluation import Evaluation, ModelEvaluation
from emovox.evaluation.hardest import hardest
from emovox.files import write_text
from emovox.layout import FILES
from emovox.models import KINDS
from emovox.report import anchors, probes, theory
from emovox.report.cautions import cautions
from emovox.report.drawn import svg
from emovox.report.parts import Picture, figure, pairs, share, table, tag_of, with_interval
from emovox.report.sections import by_group, how_sure, two_by_two
from emovox.report.steps import log_mel_of
from emovox.report.summary import about
from emovox.report.words import (
    best_by_uar,
    caution,
    corpus_name,
    day,
    deviation,
    epochs,
    how_tested,
    interval,
    minutes,
    model_title,
    percent,
    plural,
    verdict,
)
from emovox.runs import Run

STYLE = """
:root { color-scheme: light dark; --ink: #222; --grey: #5f5f5f; --line: #ddd; --faint: #eef5fa; --alert: #b00020;
  --link: #0b5a8f; --ground: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8e6; --grey: #a8a8a5; --line: #444; --faint: #1d2a33;
  --alert: #ff8a80; --link: #7cc0ee; --ground: #16181a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 58rem; color: var(--ink); background: var(--ground);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .25rem; letter-spacing: -.01em; }
h2 { font-size: 1.3rem; margin: 2.8rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; }
p { margin: .5rem 0 .9rem; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; } .skip:focus { position: static; }
.lead { color: var(--grey); margin-bottom: 1.2rem; }
.warning { border: 1.5px solid var(--alert); border-left-width: 6px; color: var(--alert); padding: .6rem .9rem;
  margin: 1rem 0; border-radius: 3px; }
.warning strong { text-transform: uppercase; letter-spacing: .04em; }
.tag { color: var(--alert); font-size: .8em; font-weight: 600; }
nav { font-size: .92rem; margin: 1rem 0 0; } nav a { margin-right: 1.1em; white-space: nowrap; line-height: 1.9; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: .6rem 0 1rem; font-variant-numeric: tabular-nums; }
.note { color: var(--grey); font-size: .88rem; margin: 1rem 0 .2rem; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap;
  vertical-align: top; }
thead th { font-weight: 600; border-bottom: 1.5px solid var(--grey); vertical-align: bottom; white-space: normal; }
tbody th { font-weight: inherit; }
tr > :first-child { text-align: left; padding-left: 0; }
tr.best > * { background: var(--faint); font-weight: 600; }
tr.anchor > * { color: var(--grey); }
table.words th, table.words td { text-align: left; white-space: normal; }
table.words th { white-space: nowrap; }
td.code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .82rem; overflow-wrap: anywhere; }
.low { color: var(--grey); font-weight: 400; font-size: .85em; }
figure { margin: 1.2rem 0; } figure img, figure svg { max-width: 100%; height: auto; display: block; }
.near { display: none; }
@media screen and (max-width: 40rem) { .near { display: block; } .far { display: none; } }
figcaption { color: var(--grey); font-size: .88rem; margin-top: .5rem; }
figcaption b { color: var(--ink); }
figure.narrow img, figure.narrow svg { width: 27rem; }
dt { font-weight: 600; margin-top: .6rem; } dd { margin: 0 0 0 1.2rem; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; color: var(--grey);
  font-size: .88rem; }
@media print { :root { --ink: #000; --grey: #444; --line: #bbb; --faint: #f2f2f2; --alert: #900; --link: #000;
  --ground: #fff; } body { max-width: none; padding: 0; font-size: 10.5pt; } nav, .skip { display: none; }
  .scroll { overflow: visible; } figure, tr, .warning { break-inside: avoid; } h2, h3 { break-after: avoid; }
  table { font-size: 8.5pt; } th, td { padding: .2rem .35rem; white-space: normal; } }
"""


def write(run: Run, evaluation: Evaluation, pictures: Mapping[str, Picture]) -> Path:
    """Write the page into the run folder; ``pictures`` are taken into it."""
    write_text(run.at.report, page(run, evaluation, pictures))
    return run.at.report


def page(run: Run, evaluation: Evaluation, pictures: Mapping[str, Picture]) -> str:
    """The page as text: figures first, then how they were made, then each model, then where it all comes from."""
    name = corpus_name(evaluation)
    title = f"Emotion from speech: {name}, {evaluation.protocol}"
    tag = f" ({', '.join(evaluation.warnings)})" if evaluation.warnings else ""
    models = best_by_uar(evaluation)
    links = [
        ("result", "Result"),
        ("sure", "How sure"),
        *([("groups", "Groups")] if evaluation.best.breakdowns else []),
        *([("map", "Map")] if "map" in pictures else []),
        ("hardest", "Hardest clips"),
        ("protocol", "Protocol"),
        *((f"model-{m.name}", model_title(m)) for m in models),
    ]
    found_out = probes.sections(run)
    links += [(section.name, section.title) for section in found_out]
    links += [("references", "References"), ("words", "Words"), ("provenance", "Provenance"), ("licence", "Licences")]
    body = [
        '<a class="skip" href="#result">To the result</a>',
        f"<main>\n<h1>{escape(title)}</h1>",
        f'<p class="lead">{escape(day(evaluation.timestamp))} · {plural(len(models), "model")} · '
        f"{escape(how_tested(evaluation))}</p>",
        *_cautions(evaluation),
        '<nav aria-label="Sections">'
        + " ".join(f'<a href="#{escape(i)}">{escape(text)}</a>' for i, text in links)
        + "</nav>",
        '<h2 id="result">Result' + tag_of(evaluation) + "</h2>",
        f"<p>{escape(_headline(evaluation))}</p>",
        _main_table(evaluation),
        figure(pictures["final"], f"Final comparison of all models{tag}", _final_caption(evaluation)),
        *two_by_two(evaluation),
        *how_sure(evaluation, pictures, tag),
        *by_group(evaluation, pictures, tag),
        *_where(evaluation, pictures, tag),
        *_hardest(run, evaluation),
        '<h2 id="protocol">Protocol</h2>',
        f"<p><b>{escape(evaluation.protocol)}</b>: {escape(evaluation.protocol_rule)}. "
        f"{escape(theory.PROTOCOLS[evaluation.leaky])}</p>",
        _folds_table(evaluation),
        *(part for model in models for part in _model(evaluation, model, pictures, tag)),
        *(part for section in found_out for part in _section(evaluation, section)),
        *_references(),
        '<h2 id="words">Words</h2>',
        "<dl>" + "".join(f"<dt>{escape(a)}</dt><dd>{escape(b)}</dd>" for a, b in theory.GLOSSARY) + "</dl>",
        '<h2 id="provenance">Provenance</h2>',
        "<p>What this run was made of. The recipe holds every setting, and makes the run again.</p>",
        pairs([row for row in flat(run.provenance) if not re.search(r"^corpus\.|\.path$", row[0])], "Provenance"),
        "<h3>recipe.toml</h3>",
        f'<div class="scroll"><pre class="low" tabindex="0">{escape(run.recipe.to_toml())}</pre></div>',
        "<h3>In the folder</h3>",
        pairs(
            [(f, what) for f, what in FILES if f == "report.html" or any(run.path.glob(f.rstrip("/")))],
            "Files",
            code=False,
        ),
        '<h2 id="licence">Data, licences, and care</h2>',
        *_licence(evaluation),
        f"</main>\n<footer>Written by Emovox from the run <b>{escape(evaluation.name)}</b>{escape(tag)}. "
        "Every figure on this page can be made again with <code>emovox evaluate</code>.</footer>",
    ]
    return document(title + tag, body)


def document(title: str, body: Iterable[str]) -> str:
    """A whole page around parts that are escaped already."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _cautions(evaluation: Evaluation) -> list[str]:
    return [
        f'<div class="warning"><strong>{escape(each.name)}</strong>. {escape(each.sentence)}</div>'
        for each in cautions(evaluation)
    ]


def _where(evaluation: Evaluation, pictures: Mapping[str, Picture], tag: str) -> Iterable[str]:
    """A map of the test clips, as the best model hears them."""
    if picture := pictures.get("map"):
        yield f'<h2 id="map">A map of the clips{tag_of(evaluation)}</h2>'
        caption = f"Test clips as {model_title(evaluation.best)} hears them{tag}"
        yield figure(picture, caption, theory.HOW_TO_READ["map"])


def _hardest(run: Run, evaluation: Evaluation) -> Iterable[str]:
    """The wrong answers that the best model was most sure of, with their sounds where the run keeps them."""
    found = hardest(evaluation)
    listing = found.listing()
    if not listing.rows:
        return
    yield f'<h2 id="hardest">The hardest clips{tag_of(evaluation)}</h2>'
    yield "<p>Listen to these first: where everybody is wrong, the clip or its label may be unusual.</p>"
    rows = [("", [escape(cell) for cell in row]) for row in listing.rows]
    yield table(listing.header, rows, f"{escape(listing.title)}.{tag_of(evaluation)}")
    for hard in found.clips:
        path = run.at.sound(hard.clip)
        if path.exists():
            said = f"{hard.clip}: true {hard.true}, predicted {hard.predicted}"
            sound = base64.b64encode(path.read_bytes()).decode("ascii")
            yield (
                f'<figure class="narrow">{svg(log_mel_of(path), f"Log-mel spectrogram of {said}")}<audio controls '
                f'preload="none" aria-label="{escape(said)}" src="data:audio/ogg;base64,{sound}"></audio>'
                f"<figcaption><b>{escape(said)}</b></figcaption></figure>"
            )


def _references() -> Iterable[str]:
    """What the statistics of this page rest on."""
    keys = [key for name in ("scores", "confidence", "statistics") for key in texts.cited(texts.source(name))]
    yield '<h2 id="references">References</h2>'
    yield "<p>How the figures, their intervals and tests are made, and where that comes from.</p>"
    yield texts.html("\n".join(f"- {reference.markdown}" for reference in texts.references(dict.fromkeys(keys))))


def _final_caption(evaluation: Evaluation) -> str:
    """How to read the final comparison, without a word on what it does not show."""
    parts = [theory.HOW_TO_READ["final"]]
    if anchors.people(evaluation):
        parts.append(theory.HOW_TO_READ["people"])
    if anchors.systems(evaluation):
        parts.append(theory.HOW_TO_READ["systems"])
    return " ".join([*parts, theory.HOW_TO_READ["recalls"]])


def _headline(evaluation: Evaluation) -> str:
    said = verdict(evaluation)
    people = anchors.people(evaluation)
    if people and people.accuracy is not None:
        said += f" People named the emotion of {percent(people.accuracy)} of these recordings."
    few = evaluation.few_speakers
    return said + (f" With {plural(few, 'test speaker')} it says little of other voices." if few else "")


def _main_table(evaluation: Evaluation) -> str:
    ranked = best_by_uar(evaluation)
    header = (
        "model", "UAR, %", "accuracy, %", "macro F1, %", "weighted F1, %", "loss",
        "parameters", "epochs", "time",
    )  # fmt: skip
    rows: list[tuple[str, Sequence[str]]] = []
    for model in ranked:
        f1 = model.scores["f1_macro"], model.scores["f1_weighted"]
        cells = (
            escape(model_title(model)),
            *(
                with_interval(f"{100 * score.value:.1f}{deviation(score)}", interval(score))
                for score in (model.uar, model.accuracy)
            ),
            *(f"{100 * score.value:.1f}" for score in f1),
            f"{model.loss:.2f}",
            f"{model.parameters:,}",
            epochs(model),
            minutes(model.training_seconds),
        )
        rows.append(("best" if model is evaluation.best else "", cells))
    blank = [""] * (len(header) - 3)
    chance = f"{100 * evaluation.chance_uar:.1f}", f"{100 * evaluation.chance_accuracy:.1f}"
    rows.append(("anchor", ("chance level", *chance, *blank)))
    people = anchors.people(evaluation)
    listed_anchors = ([people] if people else []) + list(anchors.systems(evaluation))
    for anchor in listed_anchors:
        both = ("" if value is None else f"{100 * value:.1f}" for value in (anchor.uar, anchor.accuracy))
        rows.append(("anchor", (escape(anchor.name), *both, *blank)))
    sources = " ".join(f"{escape(s)}." for s in dict.fromkeys(anchor.source for anchor in listed_anchors))
    spread = f" After ±: sample deviation over {plural(evaluation.seeds, 'seed')}." if evaluation.seeds > 1 else ""
    pooled = " Pooled over folds." if len(evaluation.folds) > 1 else ""
    caption = (
        f"In brackets: 95 % interval over {evaluation.units:,} {evaluation.unit}.{spread}{pooled} "
        f"Parameters: all weights of the model. Time: all trainings together. {sources}{tag_of(evaluation)}"
    )
    return table(header, rows, caption)


def _folds_table(evaluation: Evaluation) -> str:
    models = list(evaluation.models.values())
    header = ("fold", "train", "validation", "test", "test speakers", *(f"{model_title(m)} UAR" for m in models))
    rows: list[tuple[str, Sequence[str]]] = []
    for name, fold in evaluation.folds.items():
        speakers = "all" if evaluation.leaky else ", ".join(fold.test_speakers)
        scores = (f"{100 * model.uar.per_fold[name]:.1f}" for model in models)
        sizes = (f"{fold.train:,}", f"{fold.validation:,}", f"{fold.test:,}")
        rows.append(("", (escape(name), *sizes, escape(speakers), *scores)))
    if len(evaluation.folds) > 1:
        rows.append(("best", ("mean", "", "", "", "", *(f"{100 * m.uar.fold_mean:.1f}" for m in models))))
    return table(header, rows, f"Clips of each part, and the UAR within each fold, %.{tag_of(evaluation)}")


def _model(evaluation: Evaluation, model: ModelEvaluation, pictures: Mapping[str, Picture], tag: str) -> Iterable[str]:
    name = model_title(model)
    yield f'<h2 id="model-{escape(model.name)}">{escape(name)}{tag_of(evaluation)}</h2>'
    variant = f" · variant {escape(model.variant)}" if model.variant else ""
    yield (
        f'<p class="lead">{model.parameters:,} parameters{variant} · {plural(len(model.trainings), "training")} in '
        f"{minutes(model.training_seconds)}</p>"
    )
    yield f"<p>{escape(KINDS[model.kind].theory)}</p>"
    if diagram := pictures.get(f"architecture_{model.name}"):
        yield figure(diagram, f"Architecture of {name}{tag}", theory.HOW_TO_READ["architecture"])
    yield f"<p>{escape(about(model, evaluation))}</p>"
    people = anchors.people(evaluation)
    header = ("emotion", "clips", "precision, %", "recall, %", "F1, %", *(["people, %"] if people else []))
    rows = []
    for label, score in model.classes.items():
        recall = share(score.recall)
        if score.recall_interval:
            bounds = f"{100 * score.recall_interval.low:.0f}–{100 * score.recall_interval.high:.0f}"
            recall = f'{recall} <span class="low">[{bounds}]</span>'
        named = [share(people.recalls.get(label))] if people else []
        cells = (escape(label), f"{score.clips:,}", share(score.precision), recall, share(score.f1), *named)
        rows.append(("", cells))
    heard = f" People: how often listeners named it ({escape(people.source)})." if people else ""
    caption = f"{escape(name)} by emotion; in brackets the 95 % interval.{heard}{tag_of(evaluation)}"
    yield table(header, rows, caption)
    yield figure(
        pictures[f"confusion_{model.name}"], f"Confusion matrix of {name}{tag}", theory.HOW_TO_READ["confusion"], True
    )
    if model.has_history:
        caption = f"Training history of {name}{tag}"
        yield figure(pictures[f"history_{model.name}"], caption, theory.HOW_TO_READ["history"])
    if evaluation.seeds > 1:
        seeds = [
            ("", (str(k), f"{100 * model.uar.per_seed[k]:.1f}", f"{100 * model.accuracy.per_seed[k]:.1f}",
                  f"{model.loss_per_seed[k]:.2f}"))
            for k in range(evaluation.seeds)
        ]  # fmt: skip
        yield table(("seed", "UAR, %", "accuracy, %", "loss"), seeds, f"Each seed.{tag_of(evaluation)}")


def _section(evaluation: Evaluation, section: probes.Section) -> Iterable[str]:
    yield f'<h2 id="{section.name}">{escape(section.title)}{tag_of(evaluation)}</h2>'
    for words in section.words:
        yield f"<p>{escape(words)}</p>"
    for listing in section.tables:
        rows = [("", tuple(escape(cell) for cell in row)) for row in listing.rows]
        yield table(listing.header, rows, f"{escape(listing.title)}.{tag_of(evaluation)}")
    yield figure(section.picture, section.title, section.caption)


def _licence(evaluation: Evaluation) -> list[str]:
    corpus = evaluation.corpus
    keys = ("name", "version", "licence", "citation", "language", "digest")
    return [
        pairs([(key, str(corpus[key])) for key in keys if corpus.get(key)], "Licences"),
        *(f"<p>{escape(str(note))}</p>" for note in corpus.get("notes", ())),
        f"<p>{escape(caution(evaluation))}</p>",
        "<p>Emovox is under the Apache License 2.0. Whether trained weights are an adaptation of the recordings is not "
        "settled; take the careful view, and pass models on under the licence of the data.</p>",
        *(f"<p>{escape(notice)}</p>" for notice in _notices(evaluation)),
    ]


def _notices(evaluation: Evaluation) -> list[str]:
    """What the authors of published weights ask to be said of models that contain them."""
    kinds = {model.kind: KINDS[model.kind] for model in evaluation.models.values()}
    return [f"{kind.title}: {notice}" for kind in kinds.values() if (notice := getattr(kind, "notice", ""))]


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
