"""What is done to a batch of training clips, anew at every step: shifts, gain, noise, SpecAugment, mixup.

All randomness comes from the two integers of ``seed``; the same seed gives the same batch on any machine and in any
order, which is what lets a resumed run equal an unbroken one.
"""

from __future__ import annotations

import math

import tensorflow as tf

from emovox.models.settings import Augmentation

DECIBELS_TO_LOG = math.log(10) / 20
"""One decibel of a magnitude, in natural-log units."""


def augment(
    features: tf.Tensor, targets: tf.Tensor, settings: Augmentation, floor: float, seed: tf.Tensor,
    taught: tf.Tensor | None = None,
) -> tuple[tf.Tensor, ...]:  # fmt: skip
    """One batch, changed as ``settings`` say.

    Args:
        features: (batch, frames, mels), log-mel in natural-log units, float32.
        targets: (batch, classes), one-hot.
        settings: Which steps, and how strong.
        floor: The value of silence.
        seed: (2,) int32.
        taught: (batch, frames, directions), what a teacher hears in each frame; it is played faster, cut and mixed
            alike.

    Returns:
        Features, of ``crop_frames`` frames where that is set, and targets, mixed where mixup is on; and what is taught
        where something is.
    """
    draw = _Draw(seed, tf.shape(features)[0])
    x = features
    if settings.crop_frames or settings.time_shift or settings.tempo:
        x, taught = _warp_time(x, taught, settings, floor, draw)
    if settings.band_shift:
        x = _shift_bands(x, settings.band_shift, draw)
    if settings.gain_db:
        gain = draw.uniform(-settings.gain_db, settings.gain_db) * DECIBELS_TO_LOG
        x = tf.maximum(x + gain[:, :, None], floor)
    if settings.noise:
        x += draw.normal(tf.shape(x)) * draw.uniform(0.0, settings.noise)[:, :, None]
    mean = tf.reduce_mean(x, axis=(1, 2), keepdims=True)
    for _ in range(settings.time_masks):
        x = tf.where(_mask(tf.shape(x)[1], settings.time_mask_frames, draw)[:, :, None], mean, x)
    for _ in range(settings.band_masks):
        x = tf.where(_mask(tf.shape(x)[2], settings.band_mask_bands, draw)[:, None, :], mean, x)
    whole = (x, targets) if taught is None else (x, targets, taught)
    return mixup(*whole, alpha=settings.mixup, seed=draw.next_seed()) if settings.mixup else whole


def mixup(*whole: tf.Tensor, alpha: float, seed: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """``λ·a + (1 − λ)·b`` of every clip and its neighbour in the batch, λ ~ Beta(α, α) (Zhang et al., 2018).

    λ is folded to [0.5, 1], so that each clip stays the larger part of itself.

    Args:
        whole: (batch, …) each, float32: the features, the targets, and what else belongs to a clip.
        alpha: Above zero; 0.2 mixes little, 1 evenly.
        seed: (2,) int32.

    Returns:
        Each of them, mixed alike.
    """
    batch = tf.shape(whole[0])[0]
    gammas = tf.random.stateless_gamma((2, batch), seed, alpha)  # a Beta is made of two gammas
    share = gammas[0] / tf.maximum(gammas[0] + gammas[1], 1e-9)
    share = tf.maximum(share, 1 - share)

    def mixed(x: tf.Tensor) -> tf.Tensor:
        wide = tf.reshape(share, [batch] + [1] * (len(x.shape) - 1))
        return wide * x + (1 - wide) * tf.roll(x, 1, axis=0)

    return tuple(mixed(x) for x in whole)


class _Draw:
    """Draws one value a clip, each time from a fresh stateless seed."""

    def __init__(self, seed: tf.Tensor, batch: tf.Tensor) -> None:
        self.seed, self.batch, self.count = seed, batch, 0

    def next_seed(self) -> tf.Tensor:
        self.count += 1
        return tf.stack([self.seed[0] + 7919 * self.count, self.seed[1]])

    def uniform(self, low: float, high: float) -> tf.Tensor:
        """(batch, 1)."""
        return tf.random.stateless_uniform((self.batch, 1), self.next_seed(), low, high)

    def integer(self, low: int, high: int) -> tf.Tensor:
        """(batch, 1), both ends included."""
        return tf.random.stateless_uniform((self.batch, 1), self.next_seed(), low, high + 1, tf.int32)

    def normal(self, shape: tf.Tensor) -> tf.Tensor:
        return tf.random.stateless_normal(shape, self.next_seed())


def _warp_time(
    x: tf.Tensor, taught: tf.Tensor | None, settings: Augmentation, floor: float, draw: _Draw
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Play each clip faster or slower, cut a piece out of its speech, slide it; what comes from outside is silence."""
    frames = tf.shape(x)[1]
    kept = settings.crop_frames or frames
    rate = tf.exp(draw.uniform(-settings.tempo, settings.tempo))
    shift = draw.uniform(-settings.time_shift, settings.time_shift) * tf.cast(frames, tf.float32)
    if settings.crop_frames:
        speech = tf.reduce_sum(tf.cast(tf.reduce_any(x > floor + 1e-4, axis=2), tf.float32), axis=1, keepdims=True)
        shift += draw.uniform(0.0, 1.0) * tf.maximum(speech - float(settings.crop_frames), 0.0)
    source = tf.cast(tf.round(tf.range(kept, dtype=tf.float32)[None] * rate + shift), tf.int32)  # (batch, kept)
    inside = (source >= 0) & (source < frames)
    source = tf.clip_by_value(source, 0, frames - 1)

    def moved(x: tf.Tensor, outside: float) -> tf.Tensor:
        return tf.where(inside[:, :, None], tf.gather(x, source, batch_dims=1), outside)

    return moved(x, floor), None if taught is None else moved(taught, 0.0)


def _shift_bands(x: tf.Tensor, most: int, draw: _Draw) -> tf.Tensor:
    """Slide the spectrum by whole bands, repeating the outermost one."""
    bands = tf.shape(x)[2]
    source = tf.clip_by_value(tf.range(bands)[None] + draw.integer(-most, most), 0, bands - 1)  # (batch, bands)
    return tf.gather(x, source, axis=2, batch_dims=1)


def _mask(size: tf.Tensor, widest: int, draw: _Draw) -> tf.Tensor:
    """(batch, size), True under one mask of random width and place."""
    width = draw.uniform(0.0, float(widest))
    start = draw.uniform(0.0, 1.0) * (tf.cast(size, tf.float32) - width)
    place = tf.range(size, dtype=tf.float32)[None]
    return (place >= start) & (place < start + width)
