"""The restricted likelihood of a mixed model and the search for its maximum, where no covariance matrix may be indefinite."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Final

import numpy as np

from scoring.mixed.units import Array, Batch

_STEPS: Final = 200
_HALVINGS: Final = 40
_TOLERANCE: Final = 1e-12
# In units of the outcome's variance: eigenvalues below are 0, and no residual variance is looked for below the floor.
_ZERO: Final = 1e-9
_FLOOR: Final = 1e-8


@dataclass(frozen=True)
class Block:
    """Components that form one covariance matrix.

    Attributes
    ----------
    places : tuple of int
        Where its q (q + 1) / 2 elements stand among the components (upper triangle, row by row).
    q : int
        Rows of the matrix.
    residual : bool
        A residual variance, which stays above 0.
    known : bool
        Given, not estimated.
    """

    places: tuple[int, ...]
    q: int
    residual: bool = False
    known: bool = False

    def matrix(self, theta: Array) -> Array:
        """The covariance matrix."""
        result = np.zeros((self.q, self.q))
        for place, (a, b) in zip(self.places, _pairs(self.q), strict=True):
            result[a, b] = result[b, a] = theta[place]
        return result

    def vector(self, matrix: Array) -> Array:
        """Its elements in the order of the components."""
        return np.array([matrix[a, b] for a, b in _pairs(self.q)])

    def slope(self, gradient: Array) -> Array:
        """The matrix S with `sum gradient d theta = trace(S d Sigma)`."""
        half = self.matrix(gradient) / 2.0
        return half + np.diag(np.diagonal(half))


def _pairs(q: int) -> list[tuple[int, int]]:
    return list(combinations_with_replacement(range(q), 2))


@dataclass(frozen=True)
class State:
    """Everything about the likelihood at one theta.

    Attributes
    ----------
    phi, beta : ndarray (p, p), (p,)
        Covariance matrix of the coefficients, and the coefficients.
    P, Q : ndarray (k, p, p), (k, k, p, p)
        `-X' V^-1 G_i V^-1 X` and `X' V^-1 G_i V^-1 G_j V^-1 X`, summed over units.
    score : ndarray (k,)
    expected, observed : ndarray (k, k)
        Information of theta.
    log_likelihood : float
    """

    phi: Array
    beta: Array
    P: Array
    Q: Array
    score: Array
    expected: Array
    observed: Array
    log_likelihood: float


@dataclass(frozen=True)
class Problem:
    """The likelihood of units in batches.

    Attributes
    ----------
    batches, blocks : sequences
        The units, and the covariance matrices that the components form.
    k, p : int
        Components, coefficients.
    n_rows : int
    restricted : bool
        Whether the coefficients are integrated out.
    """

    batches: Sequence[Batch]
    blocks: Sequence[Block]
    k: int
    p: int
    n_rows: int
    restricted: bool

    def at(self, theta: Array) -> State:
        """Evaluate everything at one theta; raises LinAlgError where V is not positive definite."""
        width = self.p + 1
        cross = np.zeros((width, width))
        first, second = np.zeros((self.k, width, width)), np.zeros((self.k, self.k, width, width))
        traces, double = np.zeros(self.k), np.zeros((self.k, self.k))
        log_det = 0.0
        for batch in self.batches:
            V = np.einsum("k,nkab->nab", theta, batch.G)
            diagonal = np.diagonal(np.linalg.cholesky(V), axis1=1, axis2=2)
            log_det += 2.0 * float(batch.n @ np.log(diagonal).sum(axis=1))
            inverse = np.linalg.inv(V)
            VG = inverse[:, None] @ batch.G
            traces += batch.n @ np.trace(VG, axis1=2, axis2=3)
            weighted = VG * batch.n[:, None, None, None]
            double += np.tensordot(weighted, VG.transpose(0, 1, 3, 2), axes=((0, 2, 3), (0, 2, 3)))
            inverse_of, G_of = inverse[batch.place], batch.G[batch.place]
            VX = inverse_of @ batch.rows
            GVX = G_of @ VX[:, None]
            VGVX = inverse_of[:, None] @ GVX
            cross += np.tensordot(batch.rows, VX, axes=((0, 1), (0, 1)))
            first += np.tensordot(GVX, VX, axes=((0, 2), (0, 1)))
            second += np.tensordot(GVX, VGVX, axes=((0, 2), (0, 2))).transpose(0, 2, 1, 3)
        return self._summarize(cross, first, second, traces, double, log_det)

    def _summarize(
        self, cross: Array, first: Array, second: Array, traces: Array, double: Array, log_det: float
    ) -> State:
        """Likelihood, score and information from the sums over units; the last row and column of each belong to the outcome."""
        p = self.p
        XVX = cross[:p, :p]
        # Raises where the coefficients cannot be told apart.
        root = np.linalg.cholesky(XVX)
        phi = np.asarray(np.linalg.inv(XVX), dtype=np.float64)
        beta = phi @ cross[:p, p]
        # The residual is y - X beta.
        r = np.append(-beta, 1.0)
        misfit = float(r @ cross @ r)
        P, Q = -first[:, :p, :p], second[:, :, :p, :p]
        quadratic = np.einsum("a,kab,b->k", r, first, r)
        ends = first[:, :p] @ r
        twice = np.einsum("a,ijab,b->ij", r, second, r) - ends @ phi @ ends.T
        score = -0.5 * (traces - quadratic)
        expected: Array = 0.5 * double
        log_likelihood = -0.5 * (self.n_rows * math.log(2.0 * math.pi) + log_det + misfit)
        if self.restricted:
            phi_P = phi @ P
            score -= 0.5 * np.einsum("ab,kba->k", phi, P)
            single = np.einsum("ab,ijba->ij", phi, Q)
            expected += 0.5 * np.einsum("iab,jba->ij", phi_P, phi_P) - 0.5 * (single + single.T)
            log_likelihood += 0.5 * p * math.log(2.0 * math.pi) - float(np.log(np.diagonal(root)).sum())
        expected = (expected + expected.T) / 2.0
        observed = (twice + twice.T) / 2.0 - expected
        return State(phi, beta, P, Q, score, expected, observed, log_likelihood)

    def maximise(self, theta: Array) -> tuple[Array, State, bool]:
        """The theta of the largest likelihood from a start of positive definite matrices; the state there; whether it was found."""
        state = self.at(theta)
        for _ in range(_STEPS):
            J, bend = self.tangent(theta, state.score)
            slope = J.T @ state.score
            direction = J @ _solve(J.T @ state.expected @ J + bend, slope)
            promise = float(direction @ state.score)
            if promise < 1e-2:
                # Near the top the observed information takes fewer steps, where it points upwards.
                newton = J @ _solve(J.T @ state.observed @ J + bend, slope)
                if 0.0 < float(newton @ state.score) < 10.0 * promise:
                    direction, promise = newton, float(newton @ state.score)
            if promise < _TOLERANCE:
                return theta, state, True
            found = self._climb(theta, state, direction)
            if found is None:
                return theta, state, promise < 1e-6
            theta, state = found
        return theta, state, False

    def _climb(self, theta: Array, state: State, direction: Array) -> tuple[Array, State] | None:
        """The first point along a direction, halving, where the likelihood has not fallen; None where there is none."""
        size, slack = 1.0, 1e-13 * abs(state.log_likelihood)
        for _ in range(_HALVINGS):
            trial = self.project(theta + size * direction)
            size /= 2.0
            try:
                found = self.at(trial)
            except np.linalg.LinAlgError:
                continue
            if found.log_likelihood >= state.log_likelihood - slack:
                moved = float(np.abs(trial - theta).max()) > 1e-13
                return (trial, found) if moved else None
        return None

    def project(self, theta: Array) -> Array:
        """The nearest theta whose matrices are positive semi-definite and whose residual variances are positive."""
        result = theta.copy()
        for block in self.blocks:
            places = list(block.places)
            if block.known:
                continue
            if block.residual:
                result[places] = np.maximum(theta[places], _FLOOR)
            elif block.q == 1:
                result[places] = np.where(theta[places] > _ZERO, theta[places], 0.0)
            else:
                values, vectors = np.linalg.eigh(block.matrix(theta))
                if values[0] <= _ZERO:
                    values = np.where(values > _ZERO, values, 0.0)
                    result[places] = block.vector((vectors * values) @ vectors.T)
        return result

    def tangent(self, theta: Array, gradient: Array) -> tuple[Array, Array]:
        """Directions in which theta may move, as columns, and the curvature of the boundary along them.

        A matrix of full rank moves freely. One of rank r moves as `F F'` with F of r columns, and may gain rank only where the
        likelihood rises; so a variance of 0 stays 0 unless its slope is positive.
        """
        columns: list[Array] = []
        bends: list[Array] = []
        for block in self.blocks:
            if block.known:
                continue
            moves, bend = _block_tangent(block, theta, gradient)
            lifted = np.zeros((self.k, moves.shape[1]))
            lifted[list(block.places)] = moves
            columns.append(lifted)
            bends.append(bend)
        J = np.concatenate(columns, axis=1) if columns else np.zeros((self.k, 0))
        curvature = np.zeros((J.shape[1], J.shape[1]))
        begin = 0
        for bend in bends:
            end = begin + len(bend)
            curvature[begin:end, begin:end] = bend
            begin = end
        return J, curvature

    def singular(self, theta: Array) -> list[int]:
        """The numbers of the blocks whose matrix has an eigenvalue of 0 (or a residual variance at its floor)."""
        found = []
        for number, block in enumerate(self.blocks):
            if not block.known:
                smallest = float(np.linalg.eigvalsh(block.matrix(theta))[0])
                if smallest <= (2.0 * _FLOOR if block.residual else _ZERO):
                    found.append(number)
        return found


def _block_tangent(block: Block, theta: Array, gradient: Array) -> tuple[Array, Array]:
    """The directions of one matrix, and the curvature along them."""
    size = len(block.places)
    if block.residual:
        held = theta[block.places[0]] <= _FLOOR and gradient[block.places[0]] <= 0.0
        return np.ones((1, 0 if held else 1)), np.zeros((0 if held else 1,) * 2)
    values, vectors = np.linalg.eigh(block.matrix(theta))
    positive = values > _ZERO
    if positive.all():
        return np.eye(size), np.zeros((size, size))
    F, N = vectors[:, positive] * np.sqrt(values[positive]), vectors[:, ~positive]
    rise, turns = np.linalg.eigh(N.T @ block.slope(gradient) @ N)
    moves = [
        block.vector(np.outer(row, column) + np.outer(column, row))
        for column in F.T
        for row in np.eye(block.q)
    ]
    falling = (N @ turns[:, rise < 0.0]) * rise[rise < 0.0] @ (N @ turns[:, rise < 0.0]).T
    bend = np.zeros((len(moves), len(moves)))
    for start in range(0, len(moves), block.q):
        bend[start : start + block.q, start : start + block.q] = -2.0 * falling
    gains = [block.vector(np.outer(n, n)) for n in (N @ turns[:, rise > 0.0]).T]
    total = len(moves) + len(gains)
    whole = np.zeros((total, total))
    whole[: len(moves), : len(moves)] = bend
    return np.array([*moves, *gains]).reshape(total, size).T, whole


def _solve(information: Array, slope: Array) -> Array:
    """The step of an information matrix; directions without information are left alone."""
    if not len(slope):
        return slope
    values, vectors = np.linalg.eigh((information + information.T) / 2.0)
    keep = values > 1e-12 * max(float(values[-1]), 1e-300)
    return (vectors[:, keep] / values[keep]) @ (vectors[:, keep].T @ slope)
