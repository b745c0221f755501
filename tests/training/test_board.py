"""What TensorBoard reads back."""

import re
from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from emovox.models.cnn import CNN
from emovox.study.board import board_job
from emovox.training.board import (
    PIXELS,
    confusion_picture,
    spectrogram_pictures,
    write_outcome,
)
from fake_run import fake_run


def test_a_confusion_picture_is_dark_where_clips_are() -> None:
    picture = confusion_picture(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    assert picture.shape == (1, 2 * PIXELS, 2 * PIXELS, 3) and picture.dtype == np.uint8
    cells = picture[0, ::PIXELS, ::PIXELS, 0]
    assert cells[1, 1] == 0 and cells[1, 0] == 255 and 120 < cells[0, 0] == cells[0, 1] < 135


def test_a_spectrogram_has_its_low_bands_at_the_foot() -> None:
    windows = np.zeros((1, 5, 3), np.float32)
    windows[0, :, 0] = 1  # the lowest band is loud
    picture = spectrogram_pictures(windows)
    assert picture.shape == (1, 12, 20, 1)
    assert picture[0, -1, 0, 0] == 1 and picture[0, 0, 0, 0] == 0


def test_settings_and_outcome_are_read_back_once(tmp_path: Path) -> None:
    for value in (0.4, 0.5):
        write_outcome(tmp_path / "fold1" / "cnn-seed0", CNN.settings(), {"test/uar": value})
    events = EventAccumulator(str(tmp_path / "fold1" / "cnn-seed0" / "outcome"), size_guidance={"tensors": 0}).Reload()
    assert "test/uar" in events.Tags()["tensors"]
    assert "_hparams_/session_start_info" in events.summary_metadata
    assert len(list((tmp_path / "fold1" / "cnn-seed0" / "outcome").iterdir())) == 1


def test_a_run_has_its_outcomes_and_points(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", "speakers6", models=("cnn", "whisper"))
    board_job(str(run.path))
    for job in run.jobs:
        assert list((run.at.logs(job.name) / "outcome").iterdir()), job
    points = (run.at.projector / "cnn.tsv").read_text().splitlines()
    clips = (run.at.projector / "clips.tsv").read_text().splitlines()
    tested = sum(len(fold.test) for fold in run.folds.values())
    assert len(points) == len(clips) - 1 == tested
    assert clips[0] == "clip\ttrue\tspeaker"
    config = (run.at.projector / "projector_config.pbtxt").read_text()
    assert re.findall(r'tensor_path: "(.*)"', config) == ["cnn.tsv", "whisper.tsv"]
