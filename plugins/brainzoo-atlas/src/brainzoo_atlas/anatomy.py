"""The anatomy of one simulated head on a grid: template, deformation, cortex, ventricles, skull.

Every tissue boundary is a distance in millimetres, turned into the share of a voxel that it covers.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from brainzoo_atlas.fields import Array, Field, Grid
from brainzoo_atlas.population import Person
from brainzoo_atlas.template import Template

# Means over people of the layers around the brain, in millimetres.
FLUID_MM, SKULL_MM, SCALP_MM = 1.6, 4.5, 4.5

WATER = 0.2
"""Signal of the fluid around the brain."""

FOLD_MM = 7.5
"""Knots of the field whose zeros are sulci: about 12 mm from one sulcus to the next."""


@dataclasses.dataclass(frozen=True)
class Anatomy:
    """What a voxel holds: of ``tissue`` 0 is fluid, 1 grey and 2 white matter, or between.

    ``brain`` is the share inside the brain's hull, ``lesion`` that of lesions. ``outside`` is the
    signal of all outside of the hull (skull, scalp, face), white matter being 1, ``water`` the
    share that is fluid between the hull and the skull, a part of it.
    """

    tissue: Array
    brain: Array
    lesion: Array
    outside: Array
    water: Array


def make_anatomy(
    who: Person, template: Template, grid: Grid, rng: np.random.Generator, *, skull: bool
) -> Anatomy:
    """Return the anatomy of ``who`` on ``grid``.

    Deformation, folds, lesions and what is outside each have random numbers of their own: leaving
    one of them out changes nothing else.
    """
    shape_rng, fold_rng, lesion_rng, outside_rng = rng.spawn(4)
    points = _deformed(who, grid, shape_rng)
    # Distances of the template are scaled back to this head's millimetres.
    brain_mm = template.brain_mm.at(points) * np.float32(who.size)
    brain_mm += 0.4 * Field(shape_rng, grid, 36).values()

    # Only a fifth of the voxels is inside: the rest of the work is done for them alone.
    inside = brain_mm < grid.spacing_mm
    inner = _grow_ventricles(who, template, points[:, inside])
    depth_mm = template.depth_mm.at(inner) * np.float32(who.size)
    tissue = np.zeros(grid.shape, np.float32)
    tissue[inside] = _fold(who, template.tissue.at(inner), depth_mm, inner, inside, grid, fold_rng)
    lesion = _lesions(who, tissue, brain_mm, grid, lesion_rng)
    outside = water = np.zeros_like(tissue)
    if skull:
        outside, water = _outside(brain_mm, points, grid, outside_rng)
    return Anatomy(tissue, share(-brain_mm, grid), lesion, outside, water)


def share(depth_mm: Array, grid: Grid) -> Array:
    """Return the share of a voxel inside a surface, from the depth of its centre."""
    return np.asarray(np.clip(0.5 + depth_mm / grid.spacing_mm, 0, 1))


def smoothstep(value: Array, start: float, end: float) -> Array:
    """Rise smoothly from 0 at ``start`` to 1 at ``end`` (or fall, if ``end`` is less)."""
    t = np.clip((value - start) / (end - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def _deformed(who: Person, grid: Grid, rng: np.random.Generator) -> Array:
    """Return the point of the template (3, x, y, z) that each voxel shows.

    The displacements stay within the bound under which cubic B-splines are one-to-one: their
    coefficients below 1/2.48 of the knots' distance (Choi and Lee 2000, Computer-Aided Geometric
    Design 17:57), the shares of both scales together less than 1.
    """
    stretch = np.exp(0.03 * np.clip(rng.standard_normal(3), -2, 2))
    stretch /= who.size * stretch.prod() ** (1 / 3)
    turn = _rotation(np.radians(3) * np.clip(rng.standard_normal(3), -2, 2))
    shift = 3 * np.clip(rng.standard_normal(3), -2, 2)
    matrix = (np.diag(stretch) @ turn).astype(np.float32)
    centre = np.array([0, -18, 5], np.float32)  # about the middle of the brain
    offset = (centre - matrix @ (centre + shift)).astype(np.float32)
    axes = grid.axes_mm()
    points = np.empty((3, *grid.shape), np.float32)
    for i in range(3):
        points[i] = matrix[i, 0] * axes[0] + matrix[i, 1] * axes[1] + matrix[i, 2] * axes[2]
        points[i] += offset[i]
        points[i] += 2.4 * Field(rng, grid, 64).values()
        points[i] += 1.2 * Field(rng, grid, 28).values()
    return points


def _rotation(angles: np.ndarray) -> np.ndarray:
    result = np.eye(3)
    for axis, angle in enumerate(angles):
        i, j = [other for other in range(3) if other != axis]
        turn = np.eye(3)
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        result = result @ turn
    return result


def _grow_ventricles(who: Person, template: Template, points: Array) -> Array:
    """Move the surroundings of the ventricles outwards until they hold about their volume."""
    distance, reach_mm, core_mm = template.ventricle_mm, 22.0, -4.0
    # How many millimetres out of the template's own ventricles this volume lies.
    sorted_mm = np.sort(distance.values[distance.values < 10])
    volumes_ml = distance.grid.spacing_mm**3 / 1000 * np.arange(len(sorted_mm))
    growth_mm = float(np.interp(who.ventricle_ml / who.size**3, volumes_ml, sorted_mm))
    growth_mm = max(growth_mm, 0.5 * core_mm)

    from_ventricle_mm = distance.at(points)
    near = from_ventricle_mm < reach_mm
    close, close_mm = points[:, near], from_ventricle_mm[near]
    # Inside the new ventricle the way back to the old one's core is shortened evenly.
    step_mm = growth_mm * smoothstep(close_mm, reach_mm, max(growth_mm, 0))
    step_mm *= np.clip((close_mm - core_mm) / (growth_mm - core_mm), 0, 1)
    moved = points.copy()
    moved[:, near] -= step_mm * np.stack([slope.at(close) for slope in template.ventricle_slopes])
    return moved


def _fold(
    who: Person,
    tissue: Array,
    depth_mm: Array,
    points: Array,
    inside: NDArray[np.bool_],
    grid: Grid,
    rng: np.random.Generator,
) -> Array:
    """Give the cerebrum folds of its own: the template's are an average of 152 people's.

    Sulci are the sheets where a random field of one scale is zero, down to a random depth.
    """
    field = Field(rng, grid, FOLD_MM, band=True)
    steepness = np.sqrt(sum(part[inside] ** 2 for part in field.gradient()) + 1e-4)
    sheet_mm = np.abs(field.values()[inside]) / steepness
    bottom_mm = 16 + 4 * Field(rng, grid, 20).values()[inside]
    below_mm = np.maximum(depth_mm - bottom_mm, 0)
    sheet_mm = np.sqrt(sheet_mm**2 + below_mm**2)
    surface_mm = depth_mm - who.sulcus_mm
    # A sulcus is thinner than a voxel: what it covers of one is the overlap of two intervals.
    half_mm = grid.spacing_mm / 2
    overlap_mm = np.minimum(who.sulcus_mm, sheet_mm + half_mm) + np.minimum(
        who.sulcus_mm, half_mm - sheet_mm
    )
    sulcus = np.clip(overlap_mm, 0, None) / grid.spacing_mm
    cortex_mm = np.minimum(sheet_mm - who.sulcus_mm, surface_mm) - who.cortex_mm
    folded = np.minimum(1 - sulcus, share(surface_mm, grid)) + share(cortex_mm, grid)
    cortical = smoothstep(depth_mm, 25, 17) * _cerebrum(points)
    return np.asarray(folded * cortical + tissue * (1 - cortical))


def _cerebrum(points: Array) -> Array:
    """Return 1 in the cerebrum, 0 in cerebellum and brainstem and at the base of the brain."""
    x, y, z = points
    tentorium = -10 - 0.25 * (y + 45)
    behind = smoothstep(y, -28, -36)
    cerebellum = behind * smoothstep(z - tentorium, 3, -3)
    base = smoothstep(np.abs(x), 45, 35) * smoothstep(z, -4, -16)
    return (1 - cerebellum) * (1 - base)


def _lesions(
    who: Person, tissue: Array, brain_mm: Array, grid: Grid, rng: np.random.Generator
) -> Array:
    """Return round-ish lesions of 2 to 6 mm radius in deep white matter."""
    result = np.zeros(grid.shape, np.float32)
    if not who.lesions:
        return result
    places = np.argwhere((tissue > 1.9) & (brain_mm < -18))
    axes = grid.axes_mm()
    wobble = Field(rng, grid, 7).values()
    for place in places[rng.integers(len(places), size=who.lesions)]:
        radius_mm = float(np.clip(rng.gamma(4, 0.8), 2, 6))
        squared = sum((axis - axis.flat[at]) ** 2 for axis, at in zip(axes, place, strict=True))
        inside_mm = radius_mm * (1 + 0.15 * wobble) - np.sqrt(squared)
        np.maximum(result, share(inside_mm, grid), out=result)
    return result * smoothstep(tissue, 1.0, 1.6)


def _outside(
    brain_mm: Array, points: Array, grid: Grid, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return the signal of fluid, skull, marrow, scalp, a simple face and neck; and the fluid."""
    fluid, skull, scalp = np.clip(rng.standard_normal(3), -2, 2).tolist()
    fluid_mm = FLUID_MM + 0.4 * fluid + 0.6 * Field(rng, grid, 35).values()
    skull_mm = SKULL_MM * (1 + 0.15 * skull) + Field(rng, grid, 40).values()
    scalp_mm = SCALP_MM * (1 + 0.2 * scalp) + 0.8 * Field(rng, grid, 45).values()
    fluid_mm, skull_mm, scalp_mm = (
        np.maximum(layer, least)
        for layer, least in ((fluid_mm, 0.8), (skull_mm, 2.5), (scalp_mm, 2.5))
    )
    vault_mm = brain_mm - fluid_mm - skull_mm - scalp_mm
    skin_mm = smooth_minimum(vault_mm, _face_mm(points, rng) + Field(rng, grid, 30).values(), 12.0)

    flesh = _flesh(points, grid, rng)
    deep = flesh * share(-skin_mm, grid)
    fat = (0.68 + 0.15 * Field(rng, grid, 6).values()) * share(-skin_mm - 0.7, grid)
    fat_mm = 0.85 * scalp_mm
    signal = deep + (fat - deep) * share(skin_mm + fat_mm, grid)
    signal *= share(-skin_mm, grid)
    # Compact bone is black; marrow between its two tables is not.
    bone_mm = brain_mm - fluid_mm
    bone = share(bone_mm, grid) * share(skull_mm - bone_mm, grid)
    marrow_mm = 0.22 * skull_mm - np.abs(bone_mm - 0.5 * skull_mm)
    marrow = share(marrow_mm, grid) * np.clip(0.36 + 0.15 * Field(rng, grid, 14).values(), 0, 1)
    signal = signal * (1 - bone) + bone * (0.05 + marrow)
    water = share(-bone_mm, grid)
    return signal * (1 - water) + WATER * water, water


def smooth_minimum(a: Array, b: Array, width: float) -> Array:
    """Return the lesser of two distances, rounded over ``width`` where they meet."""
    h = np.maximum(width - np.abs(a - b), 0) / width
    return np.asarray(np.minimum(a, b) - h * h * width / 4)


def _face_mm(points: Array, rng: np.random.Generator) -> Array:
    """Return the distance to the skin of face, jaw and neck, roughly."""
    x, y, z = points
    jitter = np.clip(rng.standard_normal(6), -2, 2).tolist()
    face = ellipsoid_mm(x, y - 34, z + 62, 62 + 2 * jitter[0], 62 + 2 * jitter[1], 78)
    jaw = ellipsoid_mm(x, y - 48, z + 108, 48, 52 + 3 * jitter[2], 34)
    nose = ellipsoid_mm(x, y - 94, z + 58 - 0.25 * (y - 94), 15, 24 + 3 * jitter[3], 17)
    neck = np.hypot(x / (58 + 3 * jitter[4]), (y + 28 + 0.15 * (z + 120)) / (60 + 3 * jitter[5]))
    neck_mm = np.maximum((neck - 1) * 58, z + 55)
    result = smooth_minimum(smooth_minimum(face, jaw, 15), nose, 8)
    return smooth_minimum(result, neck_mm, 25)


def ellipsoid_mm(x: Array, y: Array, z: Array, a: float, b: float, c: float) -> Array:
    """Return about the distance to an ellipsoid of half axes a, b, c around the origin."""
    radius = np.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2)
    return np.asarray((radius - 1) * min(a, b, c))


def _flesh(points: Array, grid: Grid, rng: np.random.Generator) -> Array:
    """Return muscle with streaks of fat, eyes, and the air of nose, sinuses and throat."""
    x, y, z = points
    streaks = Field(rng, grid, 7, band=True).values()
    signal = 0.48 + 0.1 * streaks + 0.35 * smoothstep(streaks, 1.0, 1.8)
    side = np.abs(x)
    orbit = ellipsoid_mm(side - 32, y - 52, z + 36, 19, 26, 18)
    eye = ellipsoid_mm(side - 32, y - 62, z + 36, 12, 12, 12)
    signal += (0.8 - signal) * share(-orbit, grid)
    signal += (0.2 - signal) * share(-eye, grid)
    air = ellipsoid_mm(x, y - 58, z + 55, 17, 34, 22)
    air = np.minimum(air, ellipsoid_mm(side - 26, y - 52, z + 66, 13, 17, 15))
    air = np.minimum(air, np.maximum(np.hypot(x / 14, (y - 8) / 9) * 9 - 9, z + 66))
    hollow = share(-air - 3 * streaks, grid)
    return np.asarray(signal * (1 - 0.92 * hollow))
