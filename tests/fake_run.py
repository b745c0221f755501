"""Run folders with made-up predictions, so that judging and reporting need no training."""

import dataclasses
from pathlib import Path

import numpy as np

from emovox.corpora import spec_of
from emovox.corpora.base import Clip, Corpus
from emovox.corpora.ravdess import look_alike
from emovox.evaluation.calibration import fit_temperature
from emovox.models import KINDS
from emovox.recipe import Recipe
from emovox.runs import Job, JobResult, Run
from emovox.splits import make_folds

LABELS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
SKILL = {"cnn": 0.62, "cnn_lstm": 0.57, "yamnet": 0.70, "whisper": 0.78, "ensemble": 0.81}
PARAMETERS = {"cnn": 94_600, "cnn_lstm": 2_156_616, "yamnet": 1_312_008, "whisper": 8_218_760, "ensemble": 11_781_984}
WITHOUT_EPOCHS = ("whisper", "ensemble")  # fitted in one step, or of others: no history
HARD = {"happy": 0.8, "sad": 0.75, "angry": 1.15, "calm": 1.2}  # how well an emotion is found, against the others
CONFUSED = {0: 1, 1: 0, 2: 7, 3: 5, 4: 6, 5: 3, 6: 4, 7: 2}  # what each is mistaken for most often


def fake_corpus(folder: Path, name: str = "ravdess", speakers: int = 24, repetitions: int = 1) -> Corpus:
    """RAVDESS's names and proportions, with recordings of a few bytes."""
    clips = []
    folder.mkdir(parents=True, exist_ok=True)
    for speaker in range(1, speakers + 1):
        for k, label in enumerate(LABELS):
            for intensity in ("01", "02") if k else ("01",):
                for statement in ("01", "02"):
                    for repetition in range(1, repetitions + 1):
                        stem = f"03-01-{k + 1:02d}-{intensity}-{statement}-{repetition:02d}-{speaker:02d}"
                        path = folder / f"{stem}.wav"
                        path.write_bytes(b"RIFF")
                        clips.append(
                            Clip(
                                stem, path, label, f"{speaker:02d}",
                                intensity="strong" if intensity == "02" else "normal",
                                sex="male" if speaker % 2 else "female",
                            )
                        )  # fmt: skip
    spec = spec_of(name) or look_alike(name)
    return Corpus(dataclasses.replace(spec, version="1.0.0"), tuple(clips), folder)


def fake_result(run: Run, job: Job, epochs: int = 40) -> JobResult:
    """Probabilities whose mistakes look like a network's, and a history where it learnt in epochs."""
    rng = np.random.default_rng([sum(map(ord, job.name)), job.seed])
    skill = SKILL.get(job.model, 0.5) + 0.15 * run.leaky
    fold = run.folds[job.fold]

    def answers(ids: tuple[str, ...]) -> np.ndarray:
        rows = []
        for i in ids:
            clip = run.clips[i]
            truth = run.labels.index(clip.emotion)
            chance = skill * HARD.get(clip.emotion, 1.0) + 0.08 * np.sin(7 * int(clip.speaker))
            first, second = (truth, CONFUSED[truth]) if rng.random() < chance else (CONFUSED[truth], truth)
            logits = rng.normal(0, 0.7, len(run.labels))
            logits[first] += 2.5 if first == truth else 2.0
            logits[second] += 1.2
            sharp = np.exp(2.5 * logits)
            rows.append(sharp / sharp.sum())
        return np.array(rows, dtype=np.float32)

    validation = answers(fold.validation)
    chosen = np.array([run.labels.index(run.clips[i].emotion) for i in fold.validation])
    history = {} if job.model in WITHOUT_EPOCHS or not epochs else fake_history(rng, skill, epochs)
    return JobResult(
        parameters=PARAMETERS.get(job.model, 1000),
        epochs_trained=len(history.get("loss", ())),
        best_epoch=int(np.argmin(history["val_loss"])) + 1 if history else 0,
        seconds=4.2 * epochs if history else 0.8,
        temperature=fit_temperature(validation, chosen),
        history=history,
        validation_ids=fold.validation,
        validation_probabilities=validation,
        test_ids=fold.test,
        test_probabilities=answers(fold.test),
    )


def fake_history(rng: np.random.Generator, skill: float, epochs: int) -> dict[str, list[float]]:
    """Curves that bend as such curves do."""
    epoch = np.arange(1, epochs + 1)
    fall = np.exp(-epoch / (epochs / 4))
    rise = skill - (skill - 0.12) * np.exp(-epoch / (epochs / 6))
    val_loss = 1.05 + 1.05 * np.exp(-epoch / (epochs / 6)) + 0.3 * (epoch / epochs) ** 2
    curves = {
        "loss": 0.25 + 1.85 * fall + rng.normal(0, 0.02, epochs),
        "accuracy": 0.97 - 0.85 * fall + rng.normal(0, 0.01, epochs),
        "val_loss": val_loss + rng.normal(0, 0.05, epochs),
        "val_accuracy": rise + rng.normal(0, 0.02, epochs),
        "learning_rate": 1e-3 * (1 + np.cos(np.pi * epoch / epochs)) / 2,
    }
    return {key: values.tolist() for key, values in curves.items()}


def fake_run(
    folder: Path,
    protocol: str = "speakers1",
    seeds: int = 1,
    name: str = "ravdess",
    models: tuple[str, ...] = ("cnn", "cnn_lstm", "yamnet"),
    finish: bool = True,
    speakers: int = 24,
    repetitions: int = 1,
) -> Run:
    """A run of ``protocol``, finished unless told otherwise."""
    corpus = fake_corpus(folder.parent / f"corpus-{name}-{speakers}-{repetitions}", name, speakers, repetitions)
    recipe = Recipe(corpus=name, protocol=protocol, seeds=seeds, models={m: KINDS[m].settings() for m in models})
    provenance = {
        "timestamp": "2026-11-22T12:00:00+00:00",
        "emovox": "0.1.0",
        "commit": "0123456789abcdef",
        "seconds": {"features": 7.1, "training": 512.4},
        "machine": {"cores": 2, "python": "3.11.2"},
    }
    run = Run.create(folder, recipe, corpus, make_folds(protocol, corpus), provenance)
    for job in run.jobs if finish else ():
        run.write_result(job, fake_result(run, job))
    return run
