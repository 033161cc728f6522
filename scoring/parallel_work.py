"""Random work in parallel: a function mapped over seeds through joblib, so that where it runs is configuration and what it returns is not.

Without configuration the work runs here, one piece after the other. `n_jobs`, joblib's `parallel_config`, or the two environment
variables below move it to other processes or to the machines of a Dask cluster; the results stay the same to the last bit, because
every seed has a generator of its own and every piece of work is done with one thread of linear algebra.

VICEVERSA_JOBLIB_BACKEND
    A backend of joblib: "loky", "multiprocessing", "threading" or "dask". It stands above `parallel_config`.
VICEVERSA_DASK_SCHEDULER
    Address of a Dask scheduler, such as tcp://10.0.0.5:8786; implies "dask". Without it "dask" takes the client that is current.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TypeVar

import numpy as np

from scoring.errors import ScoringError

BACKEND_VARIABLE: Final = "VICEVERSA_JOBLIB_BACKEND"
SCHEDULER_VARIABLE: Final = "VICEVERSA_DASK_SCHEDULER"
Seed = np.random.SeedSequence
Progress = Callable[[int, int], None]
Result = TypeVar("Result")

# Enough pieces for a bar that moves and for workers that end together; few enough that handing them over costs nothing.
_PIECES: Final = 50
_CONNECT_SECONDS: Final = "10s"


def spawn_seeds(seed: int, n_seeds: int) -> tuple[Seed, ...]:
    """Return independent seeds that belong to one number: the k-th is the same however many are asked for.

    Raises
    ------
    ScoringError
        `parallel.seed` for a seed below 0.
    """
    if seed < 0:
        raise ScoringError(
            "parallel.seed", "%(seed)d is no seed.", "Pass a whole number of 0 or more.", seed=seed
        )
    return tuple(Seed(seed).spawn(n_seeds))


def map_seeds(
    function: Callable[[Seed], Result],
    seeds: Sequence[Seed],
    *,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> list[Result]:
    """Return `function(seed)` for every seed, in order.

    Parameters
    ----------
    function : callable
        Must be picklable; everything random in it comes from the seed it is given.
    seeds : sequence of SeedSequence
        For example `spawn_seeds(20, 500)`.
    n_jobs : int, optional
        Workers; -1 for as many as there are processors. By default what `parallel_config` says, and 1 without it. A Dask cluster
        uses all its workers.
    progress : callable, optional
        Called here with (done, total), first with 0, whenever a piece of the work has come back.

    Raises
    ------
    ScoringError
        As `map_batches`; whatever the function raises comes through.
    """
    size = max(1, len(seeds) // _PIECES)
    return map_batches(
        partial(_call_each, function), seeds, batch_size=size, n_jobs=n_jobs, progress=progress
    )


def map_batches(
    function: Callable[[Sequence[Seed]], Sequence[Result]],
    seeds: Sequence[Seed],
    *,
    batch_size: int,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> list[Result]:
    """Return one result for every seed, in order, from a function that is given `batch_size` seeds at once.

    For work that is faster done together; the batches do not depend on the number of workers. Other arguments as in `map_seeds`.

    Raises
    ------
    ScoringError
        `parallel.jobs` for 0 workers; `parallel.backend` for a backend that joblib does not know; `parallel.distributed` where Dask
        is asked for and not installed; `parallel.scheduler` for a scheduler that does not answer; `parallel.workers` for one without
        workers.
    """
    if n_jobs == 0:
        raise ScoringError(
            "parallel.jobs",
            "Work cannot be shared among %(jobs)d workers.",
            "Ask for 1 or more, or -1 for as many as there are processors.",
            jobs=0,
        )
    from joblib import Parallel, delayed

    batches = [seeds[first : first + batch_size] for first in range(0, len(seeds), batch_size)]
    tasks = [delayed(_run_batch)(function, batch) for batch in batches]
    results: list[Result] = []
    if progress is not None:
        progress(0, len(seeds))
    with _configured_backend(), _one_thread():
        for found in Parallel(n_jobs=n_jobs, return_as="generator", batch_size=1)(tasks):
            results += found
            if progress is not None:
                progress(len(results), len(seeds))
    return results


def _call_each(function: Callable[[Seed], Result], seeds: Sequence[Seed]) -> list[Result]:
    """One result a seed."""
    return [function(seed) for seed in seeds]


def _run_batch(function: Callable[[Sequence[Seed]], Sequence[Result]], seeds: Sequence[Seed]) -> list[Result]:
    """One batch, wherever it runs."""
    with _one_thread():
        return list(function(seeds))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Hold linear algebra to one thread: workers share the processors already, and sums keep their order.

    The limit is the process's own, so only its main thread sets it; workers that are threads find it set, and Dask's processes are
    started with it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


@contextmanager
def _configured_backend() -> Iterator[None]:
    """Make joblib use the backend of the environment; without one joblib's own configuration stays as it is."""
    backend = os.environ.get(BACKEND_VARIABLE, "").strip()
    scheduler = os.environ.get(SCHEDULER_VARIABLE, "").strip()
    if not backend and not scheduler:
        yield
        return
    from joblib import parallel_config

    client = _connect(scheduler) if (backend or "dask") == "dask" else None
    try:
        try:
            config = parallel_config(backend or "dask", **({"client": client} if client else {}))
        except ValueError as error:
            raise ScoringError(
                "parallel.backend",
                "%(variable)s is “%(backend)s”, which cannot be used: %(reason)s",
                "Use loky, multiprocessing, threading or dask, or take the variable away.",
                variable=BACKEND_VARIABLE,
                backend=backend,
                reason=str(error).splitlines()[0],
            ) from error
        with config:
            _wait_for_workers(scheduler)
            yield
    finally:
        if client is not None:
            client.close()


def _wait_for_workers(scheduler: str) -> None:
    """A cluster that has no worker yet is given joblib's ten seconds to start one."""
    from joblib import effective_n_jobs

    try:
        effective_n_jobs(-1)
    except TimeoutError as error:
        raise ScoringError(
            "parallel.workers",
            "The Dask cluster %(address)s has no worker.",
            "Start workers (dask worker ADDRESS) and try again.",
            address=scheduler,
        ) from error


def _connect(scheduler: str) -> Any:
    """A client of the scheduler; None where no address is given, which leaves the current client to joblib."""
    try:
        from distributed import Client
    except ImportError as error:
        raise ScoringError(
            "parallel.distributed",
            "The work should go to Dask, but the package “distributed” is not installed.",
            "Install it, or take %(variables)s away.",
            variables=f"{BACKEND_VARIABLE}, {SCHEDULER_VARIABLE}",
        ) from error
    if not scheduler:
        return None
    try:
        client: Any = Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ScoringError(
            "parallel.scheduler",
            "No Dask scheduler answers at %(address)s (%(variable)s).",
            "Start one there (dask scheduler), correct the address, or take the variable away.",
            address=scheduler,
            variable=SCHEDULER_VARIABLE,
        ) from error
    return client
