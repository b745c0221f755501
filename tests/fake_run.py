"""Run folders with made-up predictions, so that judging and reporting need no training."""

from pathlib import Path

import numpy as np

from emovox.calibration import fit_temperature
from emovox.corpora.base import Clip, Corpus
from emovox.recipe import ModelRecipe, Recipe
from emovox.runs import Job, JobResult, Run
from emovox.splits import make_folds

LABELS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
SKILL = {"cnn": 0.62, "cnn_lstm": 0.57, "yamnet": 0.70}
PARAMETERS = {"cnn": 94_600, "cnn_lstm": 2_156_616, "yamnet": 1_312_008}
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
    return Corpus(
        name=name,
        version="1.0.0",
        licence="CC-BY-NC-SA-4.0" if name == "ravdess" else "Apache-2.0",
        citation="Livingstone SR, Russo FA (2018). PLoS ONE 13(5): e0196391." if name == "ravdess" else "Emovox",
        labels=LABELS,
        clips=tuple(clips),
        root=folder,
        synthetic=name == "synthetic",
    )


def fake_result(run: Run, job: Job, epochs: int = 40) -> JobResult:
    """Probabilities whose mistakes look like a network's, and learning curves that bend as such curves do."""
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
    epoch = np.arange(1, epochs + 1)
    fall = np.exp(-epoch / (epochs / 4))
    loss = 0.25 + 1.85 * fall + rng.normal(0, 0.02, epochs)
    val_loss = 1.05 + 1.05 * np.exp(-epoch / (epochs / 6)) + 0.3 * (epoch / epochs) ** 2 + rng.normal(0, 0.05, epochs)
    return JobResult(
        parameters=PARAMETERS.get(job.model, 1000),
        epochs_trained=epochs,
        best_epoch=int(val_loss.argmin()) + 1,
        seconds=4.2 * epochs,
        temperature=fit_temperature(validation, chosen),
        history={
            "loss": loss.tolist(),
            "accuracy": (0.97 - 0.85 * fall + rng.normal(0, 0.01, epochs)).tolist(),
            "val_loss": val_loss.tolist(),
            "val_accuracy": (
                skill - (skill - 0.12) * np.exp(-epoch / (epochs / 6)) + rng.normal(0, 0.02, epochs)
            ).tolist(),
            "learning_rate": (1e-3 * (1 + np.cos(np.pi * epoch / epochs)) / 2).tolist(),
        },
        validation_ids=fold.validation,
        validation_probabilities=validation,
        test_ids=fold.test,
        test_probabilities=answers(fold.test),
    )


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
    recipe = Recipe(corpus=name, protocol=protocol, seeds=seeds, models={m: ModelRecipe(kind=m) for m in models})
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
