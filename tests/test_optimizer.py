"""The steps of the optimizer, and the schedules that it follows."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from skdbn import schedules
from skdbn._updates._optimizer import SGD, Adam
from skdbn.schedules import Constant, InverseTime, Linear, Step


def params(rng, dtype=np.float64):
    shapes = {"weights": (4, 3), "one": (4,), "other": (3,)}
    return {k: rng.normal(size=shape).astype(dtype) for k, shape in shapes.items()}


def move(optimizer, arrays, direction, epoch):
    """One step, as the loop does it."""
    rate, momentum = optimizer.rates(epoch)
    optimizer.step(arrays, {k: rate * a for k, a in direction.items()}, momentum)


def steps(optimizer, epochs):
    """The lengths of the steps when the direction is always 1."""
    array, lengths = np.zeros(1), []
    for epoch in range(epochs):
        before = array.copy()
        move(optimizer, {"a": array}, {"a": np.ones(1)}, epoch)
        lengths.append((array - before)[0])
    return lengths


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_momentum_recursion(momentum, rng):
    arrays = params(rng)
    expected = {k: array.copy() for k, array in arrays.items()}
    velocity = dict.fromkeys(arrays, 0.0)
    optimizer = SGD(0.1, momentum)
    for epoch in range(6):
        direction = params(rng)
        for i in arrays:
            velocity[i] = momentum * velocity[i] + 0.1 * direction[i]
            expected[i] = expected[i] + velocity[i]
        move(optimizer, arrays, direction, epoch)
    for name, found in arrays.items():
        np.testing.assert_allclose(found, expected[name], rtol=1e-12)


def test_rate_and_momentum_follow_their_schedules():
    optimizer = SGD(Linear(0.4), Step(0.1, 0.5, epochs=2), n_iter=4)
    for epoch in range(4):
        assert optimizer.rates(epoch) == (
            pytest.approx(0.4 * (1 - epoch / 4)),
            0.5 if epoch >= 2 else 0.1,
        )
    # Rates 0.4, 0.3, 0.2, 0.1, 0, each plus a share of the step before.
    expected = [0.4, 0.34, 0.37, 0.285, 0.1425]
    np.testing.assert_allclose(steps(optimizer, 5), expected, rtol=1e-12)


def test_momentum_that_starts_late_keeps_the_last_step():
    optimizer = SGD(Linear(0.4), Step(0.0, 0.5, epochs=2), n_iter=4)
    expected = [0.4, 0.3, 0.35, 0.275, 0.1375]
    np.testing.assert_allclose(steps(optimizer, 5), expected, rtol=1e-12)


def test_parameters_change_in_place(rng):
    arrays = params(rng)
    held = dict(arrays)
    move(SGD(0.1, 0.5), arrays, params(rng), 0)
    assert all(arrays[name] is array for name, array in held.items())


@pytest.mark.parametrize("momentum", [0.0, 0.9, Step(0.5, 0.9, epochs=1)])
@pytest.mark.parametrize("rate", [0.1, np.float64(0.1), Linear(np.float64(0.1))])
def test_float32_stays(rate, momentum, rng):
    arrays, optimizer = params(rng, np.float32), SGD(rate, momentum, n_iter=3)
    for epoch in range(3):
        move(optimizer, arrays, params(rng, np.float32), epoch)
        assert all(type(value) is float for value in optimizer.rates(epoch))
    assert all(array.dtype == np.float32 for array in arrays.values())
    assert all(
        array.dtype == np.float32 for array in (optimizer._velocity or {}).values()
    )


VALUES = [
    (Constant(0.3), [(0, 0.3), (2.5, 0.3), (99, 0.3)]),
    (Linear(0.2), [(0, 0.2), (5, 0.1), (9.5, 0.01), (10, 0), (12, 0)]),
    (Step(), [(0, 0.5), (4.99, 0.5), (5, 0.9), (50, 0.9)]),
    (Step(1, 2, epochs=1), [(0, 1), (0.5, 1), (1, 2)]),
    (InverseTime(0.1, half_life=10), [(0, 0.1), (10, 0.05), (30, 0.025)]),
]


@pytest.mark.parametrize("schedule, points", VALUES, ids=lambda value: str(value)[:16])
def test_schedule_values(schedule, points):
    for epoch, expected in points:
        found = schedule(epoch, 10)
        assert type(found) is float
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-15)
        assert schedule(epoch=epoch, n_iter=10) == found


@pytest.mark.parametrize("name", schedules.__all__)
def test_schedule_copies(name):
    schedule = getattr(schedules, name)()
    for copied in (clone(schedule), pickle.loads(pickle.dumps(schedule))):
        assert copied.get_params() == schedule.get_params()
        assert copied(3, 10) == schedule(3, 10)


def test_no_epochs_planned():
    assert Linear(0.1)(0, 0) == 0.1


def test_resolve():
    schedule = Linear()
    assert schedules.resolve("momentum", schedule, 10) is schedule
    assert schedules.resolve("momentum", np.float32(0.5), 10)(7, 10) == 0.5


@pytest.mark.parametrize("end, wrong", [(0, -0.5), (4, -0.5), (4, np.nan), (4, 1.0)])
def test_both_ends_of_a_schedule_are_looked_at(end, wrong):
    with pytest.raises(ValueError, match=f"momentum.* is {wrong} after {end} epochs"):
        schedules.resolve("momentum", lambda epoch, _: [0.5, wrong][epoch == end], 4, 1)


def test_contract_is_abstract():
    with pytest.raises(NotImplementedError):
        schedules.Schedule()(0, 1)


# Adam


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_adam_recursion(dtype, rng):
    arrays = params(rng, dtype)
    expected = {k: array.astype(np.float64) for k, array in arrays.items()}
    mean, square = dict.fromkeys(arrays, 0.0), dict.fromkeys(arrays, 0.0)
    optimizer = Adam(0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-3)
    for t in range(1, 8):
        direction = params(rng, dtype)
        for i in arrays:
            g = direction[i].astype(np.float64)
            mean[i] = 0.8 * mean[i] + 0.2 * g
            square[i] = 0.95 * square[i] + 0.05 * g**2
            m, v = mean[i] / (1 - 0.8**t), square[i] / (1 - 0.95**t)
            expected[i] = expected[i] + 0.01 * m / (np.sqrt(v) + 1e-3)
        factor, rate = optimizer.rates(0)
        assert (factor, rate) == (1.0, 0.01)
        optimizer.step(arrays, direction, rate)
    for name, found in arrays.items():
        assert found.dtype == dtype
        atol = 20 * np.finfo(dtype).eps
        np.testing.assert_allclose(found, expected[name], rtol=0, atol=atol)


def test_adam_follows_its_schedule():
    array, optimizer, lengths = np.zeros(1), Adam(Linear(0.4), n_iter=4), []
    for epoch in range(4):
        before = array.copy()
        optimizer.step({"a": array}, {"a": np.ones(1)}, optimizer.rates(epoch)[1])
        lengths.append((array - before)[0])
    # A direction that is always the same gives steps of the learning rate.
    np.testing.assert_allclose(lengths, [0.4, 0.3, 0.2, 0.1], rtol=1e-6)


@pytest.mark.parametrize("make", [lambda: SGD(0.1, 0.9), lambda: Adam(0.1)])
def test_a_new_optimizer_goes_on_where_another_was(make):
    ends = []
    for is_resumed in (False, True):
        arrays, optimizer = {"a": np.zeros(3)}, make()
        for step in range(6):
            if step == 2 and is_resumed:
                before, optimizer = optimizer, make()
                optimizer.resume(before)
            optimizer.step(arrays, {"a": np.arange(3.0) - step}, 0.1)
        ends.append(arrays["a"])
    np.testing.assert_array_equal(*ends)


@pytest.mark.parametrize("make", [lambda: SGD(0.1, 0.9), lambda: Adam(0.1)])
def test_arrays_of_many_pieces(make, rng):
    whole = rng.normal(size=(3, 50_001))
    columns = {"few": whole[:, :7].copy(order="F"), "rest": whole[:, 7:].copy()}
    one, two = make(), make()
    for _ in range(3):
        direction = rng.normal(size=whole.shape)
        parts = {
            "few": direction[:, :7].copy(order="F"),
            "rest": direction[:, 7:].copy(),
        }
        one.step({"a": whole}, {"a": direction}, 0.5)
        two.step(columns, parts, 0.5)
    np.testing.assert_allclose(np.hstack(list(columns.values())), whole, rtol=1e-13)
