"""The data of the benchmarks: files of a folder, and their parts.

mnist.npz                   X_train, y_train, X_test, y_test: pixels as bytes, digits
caltech101_silhouettes.npz  X_ and y_ of train, val and test: bits, classes
uci_binary.npz              <set>_train, <set>_valid, <set>_test: bits
newsgroups_w100.npz         X, y, words, group_names: bits, groups from 1
olivetti_faces.npz          X, y: 64 × 64 bytes, people in order
frey_faces.npz              X: 28 × 20 bytes, in order of time
spoken_digits.npz           logmel, lengths, digit, speaker, is_test
natural_images_bsds.npz     images_train, images_test: bytes
mocap_walk.npz              frames, seq_lengths: joint angles and velocities
lfw_parts.npz               images, labels_64, split: 32 × 32 bytes in RGB, 64 × 64 labels
"""

import numpy as np

# The last training digits choose settings.
N_VALID = 10_000


def arrays(folder, name, *keys):
    """Some arrays of a file."""
    with np.load(folder / f"{name}.npz") as data:
        return [data[key] for key in keys]


def as_single(parts):
    return [part.astype(np.float32) for part in parts]


def draw(grey, seed=0):
    """Bits with these probabilities, always the same."""
    bits = np.random.default_rng(seed).random(grey.shape) < grey
    return bits.astype(grey.dtype)


def digits(folder):
    """Training digits between 0 and 1 with their labels, and test digits with theirs."""
    X, y, X_test, y_test = arrays(
        folder, "mnist", "X_train", "y_train", "X_test", "y_test"
    )
    X, X_test = as_single((X / 255, X_test / 255))
    return X, y, X_test, y_test


def thresholded(folder):
    """Training and test digits as bits."""
    X, X_test = arrays(folder, "mnist", "X_train", "X_test")
    return as_single((X > 127, X_test > 127))


def resampled(folder):
    """Grey training digits, and a fixed draw of the test digits."""
    X, _, X_test, _ = digits(folder)
    return X, draw(X_test)


def silhouettes(folder, key="X", parts=("train", "val", "test")):
    """Training, validation and test rows, of which 1 is background, or classes."""
    found = arrays(
        folder, "caltech101_silhouettes", *(f"{key}_{part}" for part in parts)
    )
    return as_single(found) if key == "X" else [y.ravel() for y in found]


def binary(folder, name):
    """Training, validation and test rows of one of the small sets of bits."""
    parts = (f"{name}_{part}" for part in ("train", "valid", "test"))
    return as_single(arrays(folder, "uci_binary", *parts))


def newsgroups(folder):
    """Articles, their groups from 0, the words and the names of the groups."""
    X, y, words, names = arrays(
        folder, "newsgroups_w100", "X", "y", "words", "group_names"
    )
    return X.astype(np.float32), y - 1, words, [n.removesuffix(".*") for n in names]


def olivetti(folder):
    """Faces of bytes at half the resolution, 32 × 32, and the people."""
    X, person = arrays(folder, "olivetti_faces", "X", "y")
    X = X.astype(np.float32).reshape(-1, 32, 2, 32, 2).mean(axis=(2, 4))
    return X.reshape(-1, 1024), person


def frey(folder):
    """Frames of a film, 28 × 20 bytes."""
    return arrays(folder, "frey_faces", "X")[0].astype(np.float32)


def spoken(folder):
    """Frames, lengths, digits and speakers of utterances, and which are for testing."""
    keys = "logmel", "lengths", "digit", "speaker", "is_test"
    return arrays(folder, "spoken_digits", *keys)


def frames(folder, n_context=7):
    """Frames with their neighbors, and the utterance of each."""
    logmel, lengths, *_ = spoken(folder)
    padding, width = ((n_context, n_context), (0, 0)), 2 * n_context + 1
    windows = []
    for own in np.split(logmel.astype(np.float32), np.cumsum(lengths)[:-1]):
        view = np.lib.stride_tricks.sliding_window_view(
            np.pad(own, padding, mode="edge"), width, axis=0
        )
        windows.append(view.reshape(len(own), -1))
    return np.concatenate(windows), np.repeat(np.arange(len(lengths)), lengths)


def pictures(folder):
    """Grey pictures for training, of which every tenth is for validation, and for tests."""
    learn, test = arrays(folder, "natural_images_bsds", "images_train", "images_test")
    chosen = slice(9, None, 10)
    return np.delete(learn, chosen, axis=0), learn[chosen], test


def face_parts(folder):
    """Faces in RGB and maps of background, hair and face, of training, validation, test."""
    images, maps, split = arrays(folder, "lfw_parts", "images", "labels_64", "split")
    return [(images[split == part], maps[split == part]) for part in range(3)]


def walks(folder):
    """Training frames and their lengths, validation and test frames, standardized.

    The last 830 frames of the third sequence are held out, of which 300 choose.
    """
    frames, lengths = arrays(folder, "mocap_walk", "frames", "seq_lengths")
    end = len(frames) - 830
    own = frames[:end]
    frames = ((frames - own.mean(axis=0)) / own.std(axis=0)).astype(np.float32)
    lengths = [*lengths[:2], lengths[2] - 830]
    return frames[:end], lengths, frames[end : end + 300], frames[end + 300 :]
