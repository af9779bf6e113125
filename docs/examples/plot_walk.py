"""
Motion that goes on
===================

A :class:`~skdbn.TemporalRBM` learns from frames of a walking figure how it goes on: legs and
arms that swing. From a few weak steps it then finds back to its gait.
"""

# %%
# The angles of hips, knees, shoulders and elbows follow a clock with small random changes of
# speed.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import StandardScaler

from skdbn import TemporalRBM
from skdbn.units import Gaussian

rng = np.random.default_rng(0)


def gait(n_frames, step=0.3, swing=0.5):
    phase = np.cumsum(step * (1 + 0.1 * rng.normal(size=n_frames))) + rng.uniform(0, 6)
    angles = []
    for side in (0, np.pi):
        hip = swing * np.sin(phase + side)
        knee = swing * np.maximum(0, np.sin(phase + side + 1.2)) * 1.5
        shoulder = -0.7 * swing * np.sin(phase + side)
        elbow = 0.3 + 0.4 * swing * (1 - np.cos(phase + side))
        angles += [hip, knee, shoulder, elbow]
    return np.stack(angles, axis=1) + 0.01 * rng.normal(size=(n_frames, 8))


sequences = [gait(400) for _ in range(3)]
lengths = [len(sequence) for sequence in sequences]
scaler = StandardScaler().fit(np.vstack(sequences))
X = scaler.transform(np.vstack(sequences))

# %%
# A regression of a frame on those before it has no gait: swings that are small stay small.
# Where the weights from the past start at zero, and the variance of a frame is small,
# hidden units say how it goes on.
settings = dict(order=4, n_iter=60, random_state=0)
models = {
    "regression": TemporalRBM(1, learning_rate=1e-6, **settings),
    "hidden units": TemporalRBM(
        60, visible=Gaussian(0.1), direct_start="zero", **settings
    ),
}
walks = {
    name: model.fit(X, lengths=lengths).sample(
        200, start=0.3 * X[:8], means=True, random_state=0
    )
    for name, model in models.items()
}

# %%
# Every 18th frame of what they make up, and the angle of a hip over time.


def draw(ax, angles, x):
    hips, neck = np.array([x, 0.0]), np.array([x, 1.0])

    def limb(joint, first, second, length):
        middle = joint + length * np.array([np.sin(first), -np.cos(first)])
        end = middle + length * np.array([np.sin(second), -np.cos(second)])
        return np.stack([joint, middle, end])

    for side, color in ((0, "C0"), (4, "C3")):
        hip, knee, shoulder, elbow = angles[side : side + 4]
        ax.plot(*limb(hips, hip, hip - knee, 0.5).T, color=color)
        ax.plot(*limb(neck, shoulder, shoulder + elbow, 0.35).T, color=color, lw=1)
    ax.plot(*np.stack([hips, neck]).T, color="k")
    ax.plot(x, 1.15, "ko", ms=6)


fig, axes = plt.subplots(3, 1, figsize=(8, 6), height_ratios=[1, 1, 0.8])
for ax, (name, walk) in zip(axes, walks.items(), strict=False):
    for i, angles in enumerate(scaler.inverse_transform(walk)[::18]):
        draw(ax, angles, 0.9 * i)
    ax.set(title=f"Made up by {name}", aspect="equal")
    ax.axis("off")
for name, walk in walks.items():
    axes[2].plot(scaler.inverse_transform(walk)[:, 0], label=name)
axes[2].set(xlabel="frame", ylabel="angle of a hip", ylim=(-0.9, 0.7))
axes[2].legend(loc="lower left", ncols=2)
fig.tight_layout()
