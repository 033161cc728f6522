import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from joblib import parallel_config

from scoring import parallel_work
from scoring.errors import ScoringError
from scoring.parallel_work import BACKEND_VARIABLE, SCHEDULER_VARIABLE, map_batches, map_seeds, spawn_seeds


def make_work() -> Any:
    # Made inside a function, so that it is pickled by value: workers cannot import the modules of tests.
    def draw(seed: np.random.SeedSequence) -> tuple[float, ...]:
        import numpy

        rng = numpy.random.default_rng(seed)
        # Linear algebra, so that the order of sums is part of what is compared.
        x = rng.standard_normal((60, 12))
        return tuple(numpy.linalg.eigvalsh(x.T @ x).tolist())

    return draw


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BACKEND_VARIABLE, raising=False)
    monkeypatch.delenv(SCHEDULER_VARIABLE, raising=False)


def test_seeds_are_the_same_however_many_are_asked_for() -> None:
    few, many = spawn_seeds(7, 3), spawn_seeds(7, 10)

    assert [s.generate_state(2).tolist() for s in few] == [s.generate_state(2).tolist() for s in many[:3]]
    assert len({tuple(s.generate_state(2)) for s in many}) == 10
    assert spawn_seeds(7, 0) == ()
    with pytest.raises(ScoringError) as caught:
        spawn_seeds(-1, 2)
    assert caught.value.code == "parallel.seed"


def test_results_stand_in_the_order_of_the_seeds_whatever_the_workers() -> None:
    work, seeds = make_work(), spawn_seeds(3, 23)

    expected = [work(seed) for seed in seeds]

    assert map_seeds(work, seeds) == expected
    assert map_seeds(work, seeds, n_jobs=2) == expected
    with parallel_config(backend="threading", n_jobs=3):
        assert map_seeds(work, seeds) == expected
    # Negative control: other seeds give something else.
    assert map_seeds(work, spawn_seeds(4, 23)) != expected


def test_batches_do_not_depend_on_the_workers() -> None:
    def sizes(seeds: Any) -> list[int]:
        return [len(seeds)] * len(seeds)

    seeds = spawn_seeds(1, 10)

    assert map_batches(sizes, seeds, batch_size=4) == [4] * 8 + [2] * 2
    assert map_batches(sizes, seeds, batch_size=4, n_jobs=2) == [4] * 8 + [2] * 2
    assert map_batches(sizes, (), batch_size=4) == []


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_progress_is_told_from_nothing_to_all(n_jobs: int) -> None:
    told: list[tuple[int, int]] = []

    map_seeds(
        make_work(),
        spawn_seeds(1, 120),
        n_jobs=n_jobs,
        progress=lambda done, total: told.append((done, total)),
    )

    done = [step for step, _ in told]
    assert done[0] == 0
    assert done[-1] == 120
    assert done == sorted(done)
    assert len(done) > 20
    assert {total for _, total in told} == {120}


def test_what_the_function_raises_comes_through() -> None:
    def fail(seed: np.random.SeedSequence) -> None:
        from scoring.errors import ScoringError

        raise ScoringError("test.code", "%(what)s", "Nothing.", what="broken")

    for n_jobs in (1, 2):
        with pytest.raises(ScoringError) as caught:
            map_seeds(fail, spawn_seeds(1, 4), n_jobs=n_jobs)
        assert caught.value.code == "test.code"


def test_no_workers_is_refused() -> None:
    with pytest.raises(ScoringError) as caught:
        map_seeds(make_work(), spawn_seeds(1, 4), n_jobs=0)
    assert caught.value.code == "parallel.jobs"


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_linear_algebra_has_one_thread(n_jobs: int) -> None:
    def threads(seed: np.random.SeedSequence) -> set[int]:
        import numpy
        from threadpoolctl import threadpool_info

        numpy.ones((2, 2)) @ numpy.ones((2, 2))
        return {library["num_threads"] for library in threadpool_info()}

    assert map_seeds(threads, spawn_seeds(1, 2), n_jobs=n_jobs) == [{1}, {1}]


def test_limit_of_threads_ends_with_the_work() -> None:
    from threadpoolctl import threadpool_info

    before = threadpool_info()

    map_seeds(make_work(), spawn_seeds(1, 2))

    assert threadpool_info() == before


def test_backend_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    def process(seed: np.random.SeedSequence) -> int:
        import os

        return os.getpid()

    monkeypatch.setenv(BACKEND_VARIABLE, "loky")
    assert os.getpid() not in map_seeds(process, spawn_seeds(1, 4), n_jobs=2)
    monkeypatch.setenv(BACKEND_VARIABLE, "threading")
    assert set(map_seeds(process, spawn_seeds(1, 4), n_jobs=2)) == {os.getpid()}
    monkeypatch.setenv(BACKEND_VARIABLE, "carrier pigeon")
    with pytest.raises(ScoringError) as caught:
        map_seeds(process, spawn_seeds(1, 4))
    assert caught.value.code == "parallel.backend"
    assert "carrier pigeon" in str(caught.value)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two worker processes on this machine that nobody else can reach."""
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        # A port that is free, since the scheduler opens one for its health either way and warns when its usual one is taken.
        dashboard_address="127.0.0.1:0",
        local_directory=str(tmp_path_factory.mktemp("dask")),
    ) as running:
        yield running


def make_signature() -> Any:
    # Says where it ran beside what it computed.
    draw = make_work()

    def sign(seed: np.random.SeedSequence) -> tuple[str, int, set[int], tuple[float, ...]]:
        import os

        from distributed import get_worker
        from threadpoolctl import threadpool_info

        result = draw(seed)
        return str(get_worker().name), os.getpid(), {one["num_threads"] for one in threadpool_info()}, result

    return sign


def check_signatures(found: list[Any], seeds: Any, cluster: Any) -> None:
    names, processes, threads, results = zip(*found, strict=True)
    assert set(names) <= {str(name) for name in cluster.workers}
    assert os.getpid() not in processes
    assert set.union(*threads) == {1}
    assert list(results) == map_seeds(make_work(), seeds)


def test_a_dask_cluster_takes_over_by_the_environment(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = spawn_seeds(3, 40)
    monkeypatch.setenv(SCHEDULER_VARIABLE, cluster.scheduler_address)
    found = map_seeds(make_signature(), seeds)
    monkeypatch.delenv(SCHEDULER_VARIABLE)

    check_signatures(found, seeds, cluster)
    # Negative control: without the variable nothing runs on a worker.
    with pytest.raises(ValueError, match=r"[Nn]o worker"):
        map_seeds(make_signature(), seeds)


def test_a_dask_cluster_takes_over_by_parallel_config(cluster: Any) -> None:
    from distributed import Client

    seeds = spawn_seeds(4, 40)
    with Client(cluster), parallel_config(backend="dask"):
        found = map_seeds(make_signature(), seeds)

    check_signatures(found, seeds, cluster)


def test_dynamic_cutoffs_are_the_same_on_a_cluster(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from scoring.sem import fit_specification, specify
    from scoring.sem.dynamic import dynamic_cutoffs
    from scoring.sem.generate import exact_data, stated_population
    from scoring.sem.model import as_model

    stated = "f =~ .7*a + .6*b + .5*c\ng =~ .8*d + .7*e + .6*h\nf ~~ .4*g"
    free = specify(as_model({"f": ("a", "b", "c"), "g": ("d", "e", "h")}))
    fit = fit_specification(exact_data(stated_population(stated), 400), free)
    here = dynamic_cutoffs(fit, n_replications=100)
    told: list[int] = []
    monkeypatch.setenv(BACKEND_VARIABLE, "dask")
    monkeypatch.setenv(SCHEDULER_VARIABLE, cluster.scheduler_address)

    there = dynamic_cutoffs(fit, n_replications=100, progress=lambda done, total: told.append(done))

    np.testing.assert_array_equal(there.draws, here.draws)
    assert there.levels == here.levels
    assert told == [0, 25, 50, 75, 100]


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed")
    monkeypatch.setattr(parallel_work, "_CONNECT_SECONDS", "200ms")
    monkeypatch.setenv(SCHEDULER_VARIABLE, "tcp://127.0.0.1:9")

    with pytest.raises(ScoringError) as caught:
        map_seeds(make_work(), spawn_seeds(1, 4))

    assert caught.value.code == "parallel.scheduler"
    assert "tcp://127.0.0.1:9" in str(caught.value)


def test_a_cluster_without_workers_is_named(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(n_jobs: int) -> int:
        raise TimeoutError

    # What joblib does after ten seconds.
    monkeypatch.setattr("joblib.effective_n_jobs", give_up)
    monkeypatch.setenv(SCHEDULER_VARIABLE, cluster.scheduler_address)

    with pytest.raises(ScoringError) as caught:
        map_seeds(make_work(), spawn_seeds(1, 4))

    assert caught.value.code == "parallel.workers"


def test_dask_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.setenv(BACKEND_VARIABLE, "dask")

    with pytest.raises(ScoringError) as caught:
        map_seeds(make_work(), spawn_seeds(1, 4))

    assert caught.value.code == "parallel.distributed"


def test_dask_without_a_client_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed")
    monkeypatch.setenv(BACKEND_VARIABLE, "dask")

    with pytest.raises(ScoringError) as caught:
        map_seeds(make_work(), spawn_seeds(1, 4))

    assert caught.value.code == "parallel.backend"
