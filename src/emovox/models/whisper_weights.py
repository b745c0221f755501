"""Published weights of Whisper's encoder: find them, read them, put them into our network."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emovox.download import Progress, fetch, user_cache
from emovox.errors import DownloadError, ModelError
from emovox.models.whisper_encoder import known_size, tensors

if TYPE_CHECKING:
    import keras

PUBLISHED = "model.safetensors"
PREFIX = "model.encoder."
TIMEOUT_SECONDS = 10


def find_whisper(size: str, option: Path | None, progress: Progress | None = None) -> Path:
    """Where Whisper's weights lie: what the user named, else the user's caches, else a download.

    A folder is searched for ``SIZE-encoder.safetensors``, ``SIZE.safetensors`` and ``whisper-SIZE/model.safetensors``,
    in that order. The caches are the folder ``whisper`` of :func:`emovox.download.user_cache`, into which is also
    downloaded, and that of the Hugging Face hub. ``HF_ENDPOINT``, ``HF_HUB_OFFLINE`` and ``HF_HOME`` are honoured. A
    download that was cut goes on from there, and is held to the SHA-256 that the hub tells.

    Args:
        size: A key of :data:`emovox.models.whisper_encoder.SIZES`.
        option: The file or folder that the user named; nothing else is then tried.
        progress: Told of the download.

    Returns:
        The file, not read yet.

    Raises:
        ModelError: An unknown size, or what the user named holds no such file.
        DownloadError: The file is not on this machine and cannot be downloaded.
    """
    published = known_size(size)
    if option is not None:
        if option.is_dir():
            if found := _within(option, size):
                return found
            names = ", ".join(_names(size))
            raise ModelError(f"There are no weights of Whisper {size} in {option} ({names}); {_help(size)}")
        if not option.is_file():
            raise ModelError(f"There are no weights of Whisper at {option}; {_help(size)}")
        return option

    cache = user_cache() / "whisper"
    if found := _within(cache, size):
        return found
    from huggingface_hub import constants, try_to_load_from_cache  # they read the environment when first imported

    held = try_to_load_from_cache(published.repository, PUBLISHED, revision=published.revision)
    if isinstance(held, str):
        return Path(held)
    try:
        if constants.HF_HUB_OFFLINE:
            raise DownloadError("HF_HUB_OFFLINE is set")
        return _download(published.repository, published.revision, cache / f"{size}.safetensors", progress)
    except DownloadError as error:
        raise DownloadError(f"Cannot get the weights of Whisper {size}: {error}. Or {_help(size)}") from None


def _names(size: str) -> tuple[str, ...]:
    return (f"{size}-encoder.safetensors", f"{size}.safetensors", f"whisper-{size}/{PUBLISHED}")


def _within(folder: Path, size: str) -> Path | None:
    return next((folder / name for name in _names(size) if (folder / name).is_file()), None)


def _help(size: str) -> str:
    published = known_size(size)
    return (
        f"download {PUBLISHED} of {published.repository} on huggingface.co, revision {published.revision}, "
        "and give it with --whisper-weights PATH"
    )


def _download(repository: str, revision: str, destination: Path, progress: Progress | None) -> Path:
    """The published file, at the address and with the size and digest that the hub tells.

    The bytes are fetched by us: ``hf_hub_download`` compares sizes alone, begins anew where an earlier call was cut,
    and tries for minutes where there is no network.

    Raises:
        DownloadError: The hub cannot be reached, or see :func:`emovox.download.fetch`.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(repository, PUBLISHED, revision=revision)
    try:
        told = get_hf_file_metadata(url, timeout=TIMEOUT_SECONDS)
    except Exception as error:  # of requests, httpx or httpx2, as the version of the hub's client has it
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DownloadError(f"{url} cannot be reached: {reason}") from None
    # Of a large file the hub's tag is its SHA-256; a mirror's may be something else.
    sha256 = told.etag if re.fullmatch("[0-9a-f]{64}", told.etag or "") else None
    return fetch(url, destination, told.size, sha256=sha256, progress=progress, timeout_seconds=TIMEOUT_SECONDS)


def digest(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_whisper(path: Path, size: str) -> dict[str, np.ndarray]:
    """Read the encoder's weights from a ``.safetensors`` file with the published names; what else it holds is not read.

    Args:
        path: The file, of float16 or float32.
        size: A key of :data:`emovox.models.whisper_encoder.SIZES`. ``tiny`` and ``tiny.en`` are of one shape, so that
            neither is told from the other here.

    Returns:
        Published name, without ``model.encoder.`` → weights, float32, in the published layout; names and shapes as
        :func:`emovox.models.whisper_encoder.tensors` has them.

    Raises:
        ModelError: The file is missing, damaged, or does not hold this encoder.
    """
    from safetensors import SafetensorError, safe_open

    weights: dict[str, np.ndarray] = {}
    try:
        with safe_open(path, framework="numpy") as file:
            held = set(file.keys())
            for name, shape in tensors(size).items():
                if PREFIX + name not in held:
                    raise ModelError(f"{path} contains no {PREFIX}{name}, so it is not Whisper {size}; {_help(size)}")
                found = file.get_slice(PREFIX + name)
                if tuple(found.get_shape()) != shape:
                    raise ModelError(
                        f"{path}: {PREFIX}{name} has shape {tuple(found.get_shape())}, that of Whisper {size} has "
                        f"{shape}; {_help(size)}"
                    )
                if found.get_dtype() not in ("F16", "F32"):
                    raise ModelError(f"{path}: {PREFIX}{name} is {found.get_dtype()}, not F16 or F32; {_help(size)}")
                weights[name] = file.get_tensor(PREFIX + name).astype(np.float32)
    except OSError as error:
        raise ModelError(f"Cannot read {path}: {error.strerror or error}; {_help(size)}") from None
    except SafetensorError:
        raise ModelError(f"{path} is damaged, or is not a .safetensors file; {_help(size)}") from None
    for name, array in weights.items():
        if not np.isfinite(array).all():
            raise ModelError(f"{path}: {PREFIX}{name} contains NaN or infinite values; {_help(size)}")
    return weights


def load_into_encoder(model: keras.Model, weights: Mapping[str, np.ndarray]) -> int:
    """Set every layer of ``model`` that is called as a published one.

    Keras stores what the published file does with all axes the other way round: dense (out, in) → (in, out),
    convolutions (out, in, frames) → (frames, in, out).

    Args:
        model: Holds the layers of :func:`emovox.models.whisper_encoder.build_encoder` at its top level.
        weights: From :func:`read_whisper`.

    Returns:
        How many layers were set.

    Raises:
        ModelError: The model has no layer of Whisper's.
    """
    count = 0
    for layer in model.layers:
        published = [weights[name] for part in ("weight", "bias") if (name := f"{layer.name}.{part}") in weights]
        if published:
            layer.set_weights([array.T for array in published])
            count += 1
    if not count:
        raise ModelError(f"The model {model.name!r} has no layer of Whisper's encoder; build it with build_encoder")
    return count
