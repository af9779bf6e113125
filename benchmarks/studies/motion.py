"""Recorded walking: forecasts beside ridge regression, and walks made up."""

import numpy as np
from sklearn.linear_model import Ridge

from skdbn import TemporalRBM
from skdbn.units import Gaussian

from .._data import walks
from .._harness import Study, Table, mean_and_spread

ORDER = 6
HORIZONS = (1, 2, 3, 5, 10, 20, 30)
PENALTIES = (0.1, 1.0, 10.0, 100.0)
FORECAST = {"order": ORDER, "batch_size": 100, "n_iter": 100}
WALK = FORECAST | {
    "visible": Gaussian(0.25),
    "direct_start": "zero",
    "n_iter": 300,
}

# Frames before each walk: where it begins in the training data, and how long it is.
STARTS, N_FRAMES, N_JUDGED = (800, 1500, 2200), 500, 150

study = Study(__file__, __doc__, seeds=3)


@study.part
def forecast(run):
    """Forecasts of recorded walking

    Mean squared error of a standardized value of held-out frames, so many frames ahead:
    `TemporalRBM(100, order=6)` at its defaults but for batches of 100 and 100 epochs, with
    {seeds} seeds, beside ridge regression of the same order, whose forecasts are fed back
    and whose penalty is chosen on other held-out frames.

    {table}
    """
    train, lengths, valid, test = walks(run.data)
    ridges = [ridge(train, lengths, penalty) for penalty in PENALTIES]
    best = min(ridges, key=lambda model: ridge_errors(model, valid)[0])
    of_ridge = ridge_errors(best, test)
    found = np.array(run.seeded(rbm_errors, train, lengths, test))
    table = Table("frames ahead | ridge regression | TemporalRBM | ratio")
    for k, horizon in enumerate(HORIZONS):
        ratio = found[:, k].mean() / of_ridge[k]
        own = mean_and_spread(found[:, k], 4)
        table.add(horizon, f"{of_ridge[k]:.4f}", own, f"{ratio:.2f}")
    return table


@study.part
def walk(run):
    """Walks made up

    {N_FRAMES} frames that go on from 6 real ones, from 3 starts, by
    `TemporalRBM(100, order=6, visible=Gaussian(0.25), direct_start="zero")` after 300
    epochs, with {seeds} seeds. Of the last {N_JUDGED} frames the spread of a value and its
    change from frame to frame, and of the last 256 the frequency of the gait, all by that
    of the third sequence; the largest value by its largest. Draws and means are fed back; the speed of draws has the noise of
    every frame in it.

    {table}
    """
    train, lengths, _, _ = walks(run.data)
    table = Table(
        "fed back | seed | start | spread | speed | frequency | largest value"
    )
    for seed, rows in enumerate(run.seeded(walk_figures, train, lengths)):
        for means, start, figures in rows:
            kind = "means" if means else "draws"
            table.add(kind, seed, start, *(f"{figure:.2f}" for figure in figures))
    return table


def windows(frames):
    """Each frame with the ones before it, and the frame."""
    n = len(frames) - ORDER
    past = [frames[k : k + n] for k in range(ORDER)]
    return np.hstack(past), frames[ORDER:]


def ridge(frames, lengths, penalty):
    parts = np.split(frames, np.cumsum(lengths)[:-1])
    past, following = map(np.concatenate, zip(*map(windows, parts), strict=True))
    return Ridge(penalty).fit(past, following)


def ridge_errors(model, frames):
    past = windows(frames)[0][: -max(HORIZONS)]
    found = []
    for _ in range(max(HORIZONS)):
        following = model.predict(past)
        past = np.hstack([past[:, following.shape[1] :], following])
        found.append(following)
    return errors(np.stack(found, axis=1), frames)


def rbm_errors(train, lengths, frames, seed):
    model = TemporalRBM(100, random_state=seed, **FORECAST).fit(train, lengths=lengths)
    n = len(frames) - ORDER - max(HORIZONS)
    # Each past is a sequence of its own.
    past = windows(frames)[0][:n].reshape(n * ORDER, -1)
    found = model.forecast(
        past, max(HORIZONS), [ORDER] * n, n_samples=20, random_state=seed
    )
    return errors(found.reshape(n, max(HORIZONS), -1), frames)


def errors(found, frames):
    """Squared errors at each horizon of forecasts from one frame after another."""
    n = len(found)
    return [
        float(np.square(found[:, k - 1] - frames[ORDER + k - 1 :][:n]).mean())
        for k in HORIZONS
    ]


def walk_figures(train, lengths, seed):
    model = TemporalRBM(100, random_state=seed, **WALK).fit(train, lengths=lengths)
    real, found = train[-lengths[-1] :], []
    for means in (False, True):
        for start in STARTS:
            frames = model.sample(
                N_FRAMES,
                start=train[start : start + ORDER],
                means=means,
                random_state=seed,
            )
            found.append((means, start, figures(frames, real)))
    return found


def figures(frames, real):
    """Spread, speed, frequency and largest value, by those of real frames."""
    last = frames[-N_JUDGED:]
    return (
        last.std(axis=0).mean() / real.std(axis=0).mean(),
        np.abs(np.diff(last, axis=0)).mean() / np.abs(np.diff(real, axis=0)).mean(),
        frequency(frames[-256:]) / frequency(real[:1024]),
        np.abs(frames).max() / np.abs(real).max(),
    )


def frequency(frames):
    """That of the strongest oscillation, in periods a frame, above slow drifts."""
    power = np.square(np.abs(np.fft.rfft(frames - frames.mean(axis=0), axis=0)))
    frequencies = np.fft.rfftfreq(len(frames))
    total = np.where(frequencies < 0.008, 0, power.sum(axis=1))
    return frequencies[total.argmax()]


if __name__ == "__main__":
    study.main()
