"""How well a generator that reconstructs gives back the images of people it has never seen.

Peak signal-to-noise ratio, and structural similarity (Wang et al. 2004: Gaussian windows with σ =
1.5, constants (0.01)² and (0.03)² for values in [0, 1]; in 3-D the windows are solid). Beside them
stands what the mean training image reaches: who does no better has learned nothing of the person.
For models that know age, a walk along it, the area of dark fluid it shows, and how fast that area
grows in samples and in people.
"""

# ruff: noqa: TID253 (imported by evaluators only)

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from brainzoo.api import (
    Evaluation,
    EvaluationSets,
    Evaluator,
    Generator,
    Images,
    MetricValue,
    OptionError,
    Reconstructs,
    Value,
    bootstrap,
    grid,
    interval,
    seen_by,
    subjects_of,
)
from brainzoo_vae.aging import fluid_by_age, growth_of_fluid
from brainzoo_vae.config import ReconstructionConfig

Floats = NDArray[np.float32]
Table = list[dict[str, Value]]
SIGMA = 1.5
C1, C2 = 0.01**2, 0.03**2
WALKERS = 32


class Reconstruction(Evaluator):
    """PSNR and SSIM of reconstructed test images, pictures of them, and a walk along age."""

    config: ReconstructionConfig
    needs = Reconstructs

    def evaluate(self, sets: EvaluationSets) -> Evaluation:
        """Reconstruct the test images; of ``synthetic`` only ages and fluid are looked at."""
        sets.check()
        train, test, synthetic = sets.train, sets.test, sets.synthetic
        generator, seed = sets.generator, sets.seed
        if not isinstance(generator, Reconstructs):
            raise OptionError(
                "reconstruction needs a model that reconstructs; found "
                f"{type(generator).__name__ if generator else 'images alone'}.",
                "Evaluate a run of vae, vqvae or flow.",
            )
        pixels = test.floats()
        seen = seen_by(generator, test).floats()
        made = generator.reconstruct(seen).mean[:, : test.channels]
        mean = _mean(train)
        weights = bootstrap(subjects_of(test), seed=seed)
        metrics, table = [], []
        for name, unit, measure in (("PSNR", "dB, ", psnr), ("SSIM", "", ssim)):
            values = measure(pixels, made)
            baseline = float(measure(pixels, np.broadcast_to(mean, pixels.shape)).mean())
            ends = interval(weights @ values / weights.sum(1)) or (None, None)
            detail = f"{unit}test images; the mean training image reaches {baseline:.3g}"
            found = (f"reconstruction {name}", float(values.mean()), len(pixels))
            metrics.append(MetricValue(*found, *ends, detail=detail))
            table.append({"measure": name, "model": found[1], "mean image": baseline})
        tables: dict[str, Table] = {"reconstruction": table}
        pictures = {"reconstructions": _side_by_side(pixels, made)}
        metrics += [*growth_of_fluid(synthetic, test, seed)]
        notes = []
        walk = self._walk(generator, train, seed)
        if walk is not None:
            heads, ages = walk
            labels = [f"{age:g}" for age in ages]
            shown = heads[: self.config.heads].reshape(-1, *heads.shape[2:])
            pictures["age"] = grid(shown, columns=len(ages), column_labels=labels)
            tables["fluid along age"] = fluid_by_age(heads, ages, test)
            notes.append(
                "Blurred heads show less dark fluid than real ones: along age, compare how it "
                "grows, not how much there is."
            )
        return Evaluation(metrics=metrics, tables=tables, pictures=pictures, notes=notes)

    def _walk(
        self, generator: Generator, train: Images, seed: int
    ) -> tuple[Floats, list[float]] | None:
        """Return heads ``(head, age, channel, *spatial)`` and ages; ``None`` without age."""
        known = [float(age) for age in train.column("age") if isinstance(age, int | float)]
        if not known or "age" not in generator.conditions(1, seed=seed)[0]:
            return None
        low, high = np.quantile(known, [0.05, 0.95])
        ages = [float(age) for age in np.unique(np.round(np.linspace(low, high, self.config.ages)))]
        traverse: Callable[..., Floats] | None = getattr(generator, "traverse", None)
        if traverse is not None:
            return traverse("age", ages, n=WALKERS, seed=seed)[:, :, : train.channels], ages
        # Any model that knows age: the same random numbers, another age.
        made = [
            np.concatenate(list(generator.sample(WALKERS, seed=seed, condition={"age": age})))
            for age in ages
        ]
        return np.stack(made, axis=1)[:, :, : train.channels], ages


def psnr(real: Floats, made: Floats) -> NDArray[np.float64]:
    """Return the peak signal-to-noise ratio of each image in dB; values span [0, 1]."""
    error = ((real - made) ** 2).reshape(len(real), -1).mean(1, dtype=np.float64)
    return np.asarray(-10 * np.log10(np.maximum(error, 1e-10)))


def ssim(real: Floats, made: Floats) -> NDArray[np.float64]:
    """Return the structural similarity of each image with its counterpart, averaged over places.

    Both are ``(image, channel, *spatial)`` in [0, 1].
    """
    blur = (0.0, 0.0, *[SIGMA] * (real.ndim - 2))

    def local(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(gaussian_filter(values, blur, truncate=3.5))

    scores = []
    for one, other in zip(real[:, None].astype(float), made[:, None].astype(float), strict=True):
        mean_a, mean_b = local(one), local(other)
        var_a, var_b = local(one**2) - mean_a**2, local(other**2) - mean_b**2
        both = local(one * other) - mean_a * mean_b
        above = (2 * mean_a * mean_b + C1) * (2 * both + C2)
        scores.append((above / ((mean_a**2 + mean_b**2 + C1) * (var_a + var_b + C2))).mean())
    return np.asarray(scores)


def _mean(images: Images) -> Floats:
    total = np.zeros((images.channels, *images.spatial))
    for start in range(0, len(images), 256):
        total += images[start : start + 256].floats().sum(0, dtype=np.float64)
    return (total / len(images)).astype(np.float32)


def _side_by_side(pixels: Floats, made: Floats, columns: int = 8) -> bytes:
    """Return a picture: real images, their reconstructions, and thrice the differences."""
    chosen = np.linspace(0, len(pixels) - 1, min(columns, len(pixels))).astype(int)
    real, own = pixels[chosen], made[chosen]
    rows = np.concatenate([real, own, np.clip(3 * np.abs(real - own), 0, 1)])
    labels = ["real", "reconstructed", "difference, tripled"]
    return grid(rows, columns=len(chosen), row_labels=labels)
