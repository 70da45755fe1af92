"""Maps of vectors in two dimensions (PCA, UMAP), and what they keep of neighbourhoods; no torch."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from dnr_core.errors import UsageError
from dnr_core.explain.store import ResultStore, StaleResult, save_arrays
from dnr_core.types import MAP_FEWEST, Projection, Purity

NEIGHBOURS = MAP_FEWEST - 1
SAMPLE = 2000
"""How many utterances, at most, quality is measured on; drawn with a fixed seed."""
UMAP_OPTIONS: dict[str, Any] = {"n_neighbors": NEIGHBOURS, "min_dist": 0.1, "metric": "euclidean", "random_state": 0}
PLACE = "all"
"""Where maps stand among the results: they are of all splits."""


def part_matrix(
    vectors: Mapping[str, np.ndarray], available: Mapping[str, np.ndarray], names: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """The vectors of some parts side by side: rows (n,) where one is available, and their vectors (n, Σ d) float32.

    Each part is centred and scaled to a total variance of 1, so that a wide part does not outweigh a narrow one; a part
    that is not available stands at its mean, which is 0.
    """
    rows = np.flatnonzero(np.any([available[name] for name in names], axis=0))
    columns = []
    for name in names:
        known, own = available[name][rows], vectors[name][rows]  # (n,), (n, d)
        if not known.any():
            continue
        centred = own - own[known].mean(axis=0, dtype=np.float64)
        spread = float(np.sqrt((centred[known] ** 2).sum(1).mean()))
        columns.append(np.where(known[:, None], centred / (spread or 1.0), 0.0).astype(np.float32))
    return rows, np.concatenate(columns, axis=1) if columns else np.zeros((0, 0), dtype=np.float32)


def pca(vectors: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Coordinates (n, 2) on the first two principal components, and the share of variance of each."""
    from sklearn.decomposition import PCA

    shares, coordinates = [0.0, 0.0], np.zeros((len(vectors), 2), dtype=np.float32)
    kept = min(2, *vectors.shape) if len(vectors) > 1 else 0
    if kept and vectors.std(axis=0).any():
        found = PCA(n_components=kept, svd_solver="covariance_eigh")
        coordinates[:, :kept] = found.fit_transform(vectors)
        shares[:kept] = (float(share) for share in found.explained_variance_ratio_)
    return coordinates, {"variance": shares}


def umap(vectors: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Coordinates (n, 2) by UMAP (McInnes et al. 2018) with a fixed seed on one thread, and its parameters.

    Raises UsageError for fewer than MAP_FEWEST vectors.
    """
    check_enough(len(vectors))
    from umap import UMAP

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coordinates = UMAP(**UMAP_OPTIONS, n_jobs=1).fit_transform(vectors)
    return np.asarray(coordinates, dtype=np.float32), dict(UMAP_OPTIONS)


def check_enough(count: int) -> None:
    """Raise UsageError where a UMAP cannot be fitted to so few utterances."""
    if count < MAP_FEWEST:
        got, expected = f"{count} utterances", f"at least {MAP_FEWEST}"
        raise UsageError("UMAP cannot be fitted", got=got, expected=expected, do="use --method pca")


METHODS = {"umap": umap, "pca": pca}


def project(
    part: str, names: tuple[str, ...], method: str, rows: np.ndarray, vectors: np.ndarray, gold: np.ndarray
) -> Projection:
    """The map of the vectors (n, d) that belong to `rows` (n,) of a corpus with gold classes (N,), −1 = unlabelled."""
    places, parameters = METHODS[method](vectors)
    coordinates = np.full((len(gold), 2), np.nan, dtype=np.float32)
    coordinates[rows] = places
    trust, neighbours, asked = trustworthiness(vectors, places)
    found = purity(vectors, places, gold[rows])
    return Projection(part, names, method, parameters, coordinates, len(rows), trust, neighbours, asked, found)


def sample(count: int) -> np.ndarray:
    """At most SAMPLE of `count` numbers, sorted, always the same."""
    return np.sort(np.random.default_rng(0).choice(count, size=min(count, SAMPLE), replace=False))


def trustworthiness(vectors: np.ndarray, places: np.ndarray) -> tuple[float | None, int, int]:
    """How few neighbours on the map are no neighbours among the vectors, within a sample; neighbours and size of it."""
    from sklearn.manifold import trustworthiness as measured

    rows = sample(len(vectors))
    neighbours = min(NEIGHBOURS, (len(rows) - 1) // 2)
    if neighbours < 1:
        return None, 0, len(rows)
    return float(measured(vectors[rows], places[rows], n_neighbors=neighbours)), neighbours, len(rows)


def purity(vectors: np.ndarray, places: np.ndarray, gold: np.ndarray) -> Purity:
    """Neighbours of the same gold emotion; a sample of labelled utterances asks all labelled ones."""
    known = gold >= 0
    count = int(known.sum())
    if count < 2:
        return Purity(None, None, None, 0, count)
    labels, asked, neighbours = gold[known], sample(count), min(NEIGHBOURS, count - 1)
    on_map, in_vectors = (
        float(np.mean(labels[nearest(space[known], asked, neighbours)] == labels[asked, None]))
        for space in (places, vectors)
    )
    others = (np.bincount(labels)[labels[asked]] - 1) / (count - 1)
    return Purity(on_map, in_vectors, float(others.mean()), neighbours, len(asked))


def nearest(space: np.ndarray, asked: np.ndarray, neighbours: int) -> np.ndarray:
    """The nearest rows (q, k) of `space` (n, d) to its rows `asked` (q,), themselves left out."""
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=neighbours + 1).fit(space)
    found = index.kneighbors(space[asked], return_distance=False)  # (q, k + 1)
    itself = found == asked[:, None]
    return np.take_along_axis(found, np.argsort(itself, axis=1, kind="stable"), axis=1)[:, :neighbours]


def file_name(part: str, method: str) -> str:
    """Name (without ending) of a stored map: `projection-umap-unique_text`."""
    return f"projection-{method}-{part.replace(':', '_')}"


def save_projection(store: ResultStore, found: Projection) -> None:
    """Store a map. Raises DnRError where it cannot be written."""
    more = {key: value for key, value in asdict(found).items() if key != "coordinates"}
    path = store.path(PLACE, file_name(found.part, found.method))
    save_arrays(path, {"coordinates": found.coordinates}, store.header(**more))


def read_projection(store: ResultStore, part: str, method: str, *, count: int) -> Projection:
    """The stored map of a corpus of `count` utterances. Raises StaleResult where there is none that fits."""
    arrays, meta = store.open(PLACE, file_name(part, method))
    try:
        coordinates = np.array(arrays["coordinates"], dtype=np.float32)
        if coordinates.shape != (count, 2) or (meta["part"], meta["method"]) != (part, method):
            raise StaleResult("another map")
        return Projection(
            part, tuple(meta["names"]), method, meta["parameters"], coordinates, int(meta["n"]),
            meta["trustworthiness"], int(meta["trusted_neighbours"]), int(meta["trusted"]), Purity(**meta["purity"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise StaleResult(f"{part}: {error}") from error
