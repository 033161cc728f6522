"""Information of many patterns of missing answers at once: patterns are added up first, in products of matrices.

With `S[a,b,c,d]` the weighted sum over patterns of `W[a,b] D[c,d] + D[a,b] W[c,d]`, the information of an element whose derivative
of Sigma is `c (u v' + v u')` and of another with s, t in their places is `c c' (S[u,s,v,t] + S[u,t,v,s])`. It is the expected one for
`D = W / 2`, and for `D = W T W - W / 2` the observed one with the moments taken as linear in the elements.
"""

from typing import Final

import numpy as np

from scoring.sem.matrices import Array, Factors

# From this number of patterns on it pays; beyond this number of items S outgrows the memory.
_PATTERNS: Final = 8
_ITEMS: Final = 64


def is_worth_pooling(factors: Factors, W: Array) -> bool:
    """Return whether there are patterns enough, and items few enough or elements that touch one pair of items each."""
    return len(W) > _PATTERNS and (W.shape[-1] <= _ITEMS or _is_plain(factors))


def pooled_information(factors: Factors, weight: Array, W: Array, D: Array, z: Array | None) -> Array:
    """Return the information for pairs of elements.

    Parameters
    ----------
    factors : Factors
        Derivatives of the moments by the elements.
    weight : float array, patterns
        Share of the rows in each pattern.
    W, D : float arrays, patterns x items x items
        Symmetric; see above.
    z : float array, patterns x items, or None
        `W (m - mu)`, which the observed information needs where means are modelled.
    """
    c, M = factors.c, factors.M
    weighted, flat = (weight[:, None, None] * W).reshape(len(W), -1), D.reshape(len(D), -1)
    plain = _is_plain(factors)
    quadratic = _plain_quadratic if plain else _quadratic
    total = np.outer(c, c) * quadratic(factors, weighted, flat)
    k = W.shape[-1]
    total += M @ weighted.sum(axis=0).reshape(k, k) @ M.T
    if z is not None and M.any():
        # Z[a,m,b] is the sum of z[a] W[m,b].
        Z = (z.T @ weighted).reshape(k, k, k)
        U, V = factors.U, factors.V
        by_first = np.einsum("amb,rb->amr", Z, V) if not plain else Z[:, :, V.argmax(axis=1)]
        both = np.einsum("amr,ra->mr", by_first, U)
        by_first = np.einsum("amb,rb->amr", Z, U) if not plain else Z[:, :, U.argmax(axis=1)] * U.any(axis=1)
        both += np.einsum("amr,ra->mr", by_first, V)
        means = (M @ both) * c
        total += means + means.T
    return total


def _is_plain(factors: Factors) -> bool:
    """Whether every element touches one pair of items only (or none), as in a model without factors."""
    return all(
        bool(((part == 0.0) | (part == 1.0)).all()) and bool((part.sum(axis=1) <= 1.0).all())
        for part in (factors.U, factors.V)
    )


def _plain_quadratic(factors: Factors, weighted: Array, flat: Array) -> Array:
    """S at the pairs of items that the elements touch, one slice of S after the other."""
    U, V = factors.U, factors.V
    k, n = U.shape[1], len(U)
    touching = np.flatnonzero(U.any(axis=1))
    i, j = U[touching].argmax(axis=1), V[touching].argmax(axis=1)
    total = np.zeros((n, n))
    W, D = weighted.reshape(-1, k, k), flat.reshape(-1, k, k)
    for a in np.unique(i):
        # The weight stands in one of the two, so that it counts once in either order.
        slab = (W[:, a, :].T @ flat + D[:, a, :].T @ weighted).reshape(k, k, k)
        own = np.flatnonzero(i == a)
        rows = j[own][:, None]
        total[np.ix_(touching[own], touching)] = slab[i, rows, j] + slab[j, rows, i]
    return total


def _quadratic(factors: Factors, weighted: Array, flat: Array) -> Array:
    """S in full between all pairs of elements."""
    U, V = factors.U, factors.V
    k = U.shape[1]
    S = (weighted.T @ flat).reshape(k, k, k, k)
    S = S + S.transpose(2, 3, 0, 1)
    # S[u,s,v,t] + S[u,t,v,s]: over (u,v) and (s,t) it is one matrix, symmetric in s and t.
    matrix = S.transpose(0, 2, 1, 3) + S.transpose(0, 2, 3, 1)
    pairs = (U[:, :, None] * V[:, None, :]).reshape(len(U), -1)
    result: Array = pairs @ np.ascontiguousarray(matrix).reshape(k * k, k * k) @ pairs.T
    return result
