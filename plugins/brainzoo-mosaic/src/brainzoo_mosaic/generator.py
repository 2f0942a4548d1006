"""A generator without a network: each image is a person who never was, put together of several.

The shape is combined of three people's; the tissue inside is one person's in some places and
another's elsewhere. Deformations between people as augmentation: Shen et al. 2020 (MICCAI,
"Anatomical Data Augmentation via Fluid-based Image Registration"), Zhao et al. 2019 (arXiv
1902.09383). Differences from the papers: tissue is mixed, too, and people are recombined with those
who are like them in class, age and sex.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import nn
from torch.nn import functional

from brainzoo.api import DataError, Images, Run, checkpoint, console, subjects_of
from brainzoo.training import Draw, TorchModel
from brainzoo_mosaic.config import HALVED, MosaicConfig
from brainzoo_mosaic.register import ROUNDS, exponential, moved, resized, smoothed, to_mean

SHAPES = 3
"""How many people's shapes are combined into a new one."""

LEAST_TURN = 25.0
"""How far the weights of three shapes stay from those of one alone: degrees of 60."""

HEAD = 0.1
"""Grey levels above it are of the head, not of the background."""

COARSE, DETAIL = 2.0, 4.0
"""What is coarser than so many pixels passes from one person into the next over ``edge_mm``; the
rest so many times faster: two people's folds averaged would be blurred (Burt & Adelson 1983, ACM
Transactions on Graphics 2:217, section 2)."""

UNLIKE = 10.0
"""How many standard deviations of a number another category is worth."""

SPLINE = {2: 5, 3: 3}
"""By spatial rank, the order of the splines that grey levels are read with between voxels. A cubic
one takes more of the finest frequencies (docs/history.md); of volumes it reads 64 voxels and not
216 for each.
"""


class People(nn.Module):
    """The images that are recombined, what is known of them, and the fields to their mean."""

    pixels: torch.Tensor
    conditions: torch.Tensor
    person: torch.Tensor
    place: torch.Tensor

    def __init__(self, count: int, shape: Sequence[int], width: int) -> None:
        super().__init__()
        half = [side // HALVED for side in shape[1:]]
        fields = torch.zeros(count, len(half), *half)
        self.fields = nn.Parameter(fields, requires_grad=False)
        self.register_buffer("pixels", torch.zeros(count, *shape))
        self.register_buffer("conditions", torch.zeros(count, width))
        self.register_buffer("person", torch.zeros(count, dtype=torch.int64))
        self.register_buffer("place", torch.zeros(count, dtype=torch.int64))


class Mosaic(TorchModel):
    """Recombines the people it was given. Its checkpoint holds their images: it is a teacher."""

    name = "mosaic"
    config: MosaicConfig
    value_range = (0.0, 1.0)

    def build(self, shape: tuple[int, ...]) -> People:
        """Return room for the images."""
        return People(self.extra["slices"], shape, self.known.width)

    def fit(self, images: Images, run: Run) -> None:
        """Bring all images of one place in the head onto their mean.

        Raises:
            DataError: There are fewer than two people.
        """
        people = sorted(set(subjects_of(images)))
        if len(people) < 2:
            raise DataError(
                f"mosaic recombines people; found {len(people)}, expected two or more.",
                "Add people, or let the student learn from the images themselves (--teacher '').",
            )
        self.config.check_spatial(images.spatial)
        self.shape = (images.channels, *images.spatial)
        self.known = type(self.known).of(images, self.config.covariates)
        self._training = checkpoint.describe_training(images)
        self._training["conditions"] = self.known.describe()
        spacing = images.info.get("spacing_mm") or [1.0] * len(images.spatial)
        self.extra = {
            "slices": len(images),
            "labels": images.label_channels,
            "sides_mm": [mm * side for mm, side in zip(spacing, images.spatial, strict=True)],
        }
        network = self.build(self.shape)
        network.conditions.copy_(
            torch.from_numpy(self.known.encode(self.known.rows_of(images.table)))
        )
        network.person.copy_(torch.tensor([people.index(s) for s in subjects_of(images)]))
        network.place.copy_(torch.tensor(_places(images)))
        network.pixels.copy_(torch.from_numpy(images.floats()))
        pool = functional.avg_pool2d if len(images.spatial) == 2 else functional.avg_pool3d
        grey = network.pixels[:, : self.shape[0] - self.extra["labels"]]
        small = pool(grey.mean(1, keepdim=True), HALVED)
        places = sorted(set(network.place.tolist()))
        with console.progress("bringing people onto their mean", ROUNDS * len(places)) as advance:
            for place in places:
                here = network.place == place
                network.fields[here] = to_mean(small[here], advance)
        self.network = network.eval()

    def draw(self, network: People, draw: Draw) -> torch.Tensor:
        """Return images of people who never were."""
        chosen = draw.uniform(1 + SHAPES + self.config.parts) * 0.5 + 0.5
        shapes, tissues = self._chosen(network, draw.conditions, chosen[:, 1:])
        weights = _weights(chosen[:, 0]).view(-1, SHAPES, *[1] * (network.fields.ndim - 1))
        fields = torch.stack([network.fields[who] for who in shapes], 1)
        # From a place of the new shape to the mean of all, and on to the same place in a person.
        back = exponential(-(weights * fields).sum(1))
        first, *others = (self._tissue(network, who, back) for who in tissues)
        shown = self.shape[0] - self.extra["labels"]
        grey, labels = first[:, :shown], first[:, shown:]
        coarse = smoothed(grey, COARSE)
        fine = grey - coarse
        for other, field in zip(others, self._fields(draw), strict=True):
            share, steep = torch.sigmoid(field), torch.sigmoid(DETAIL * field)
            alike = _matched(other[:, :shown], grey)
            its_coarse = smoothed(alike, COARSE)
            coarse = torch.lerp(coarse, its_coarse, share)
            fine = torch.lerp(fine, alike - its_coarse, steep)
            labels = torch.lerp(labels, other[:, shown:], steep)
        return torch.cat([coarse + fine, labels], 1).clamp(0, 1)

    def _chosen(
        self, network: People, conditions: torch.Tensor, chosen: torch.Tensor
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Return whose images are recombined: whose shapes, and whose tissue.

        The first one is the same.

        Args:
            network: All people.
            conditions: What is asked for: ``(sample, width)``.
            chosen: Numbers in [0, 1): ``(sample, shapes + parts)``.
        """
        weights = conditions.new_ones(self.known.width)
        at = 0
        for column in self.known.columns:
            weights[at : at + column.width] = UNLIKE if column.levels else 1.0
            at += column.width
        places = sorted(set(network.place.tolist()))
        picked: list[list[int]] = []
        for asked, numbers in zip(conditions, chosen.tolist(), strict=True):
            here = network.place == places[int(numbers[0] * len(places))]
            members = here.nonzero()[:, 0]
            first = self._near(network, members, asked * weights, weights, numbers[1])
            others = members[network.person[members] != network.person[first]]
            others = others if len(others) else members
            own = network.conditions[first] * weights
            rest = [self._near(network, others, own, weights, n) for n in numbers[2:]]
            picked.append([first, *rest])
        first, *rest = torch.tensor(picked).T
        return [first, *rest[: SHAPES - 1]], [first, *rest[SHAPES - 1 :]]

    def _near(
        self,
        network: People,
        members: torch.Tensor,
        asked: torch.Tensor,
        weights: torch.Tensor,
        number: float,
    ) -> int:
        """Return one of those whose conditions are nearest, by a number in [0, 1).

        All who are as near as the last of them may be it: where nothing is known, everybody.
        """
        far = (network.conditions[members] * weights - asked).square().sum(1)
        last = far.sort().values[: self.config.near][-1]
        near = members[far <= last + 1e-6]
        return int(near[int(number * len(near))])

    def _tissue(self, network: People, who: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        """Return people's images in another shape."""
        there = exponential(network.fields[who])
        places = resized(back + moved(there, back), torch.Size(self.shape[1:])).cpu().numpy()
        grid = np.indices(self.shape[1:], np.float32)
        shown, order = self.shape[0] - self.extra["labels"], SPLINE[grid.ndim - 1]
        made = [
            [
                ndimage.map_coordinates(channel, grid + place, order=order if i < shown else 1)
                for i, channel in enumerate(image)
            ]
            for image, place in zip(network.pixels[who].cpu().numpy(), places, strict=True)
        ]
        return torch.from_numpy(np.array(made, np.float32)).clamp(0, 1).to(back.device)

    def _fields(self, draw: Draw) -> list[torch.Tensor]:
        """Return where each further person is: smooth fields, above 0 where they are."""
        knots = [max(2, round(mm / self.config.part_mm)) for mm in self.extra["sides_mm"]]
        mode = "bicubic" if len(knots) == 2 else "trilinear"
        steep = 1.8 * self.config.part_mm / self.config.edge_mm
        fields = []
        for part in draw.normal(max(1, self.config.parts - 1), *knots).unbind(1):
            smooth = functional.interpolate(
                part[:, None], size=self.shape[1:], mode=mode, align_corners=True
            )
            spread = smooth.flatten(1).std(1).view(-1, *[1] * (smooth.ndim - 1))
            fields.append(steep * smooth / spread)
        return fields[: self.config.parts - 1]


def _weights(number: torch.Tensor) -> torch.Tensor:
    """Return how much of three shapes a new one has, by numbers in [0, 1): ``(image, 3)``.

    The sum of the weights and the sum of their squares are 1: shapes keep their mean, and vary as
    much as people's do. None comes near to one person's alone, (1, 0, 0).
    """
    turn = 60 + (60 - LEAST_TURN) * (2 * number - 1)
    turns = turn[:, None] - 120 * torch.arange(SHAPES, device=number.device)
    return (1 + 2 * torch.cos(torch.deg2rad(turns))) / 3


def _matched(image: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return images whose grey levels in the head have the mean and the spread of others'."""
    (mean, spread), (its_mean, its_spread) = map(_levels, (image, like))
    changed = (image - mean) * its_spread / spread + its_mean
    return torch.lerp(image, changed, (image / HEAD).clamp(0, 1))


def _levels(image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and standard deviation of each channel in the head."""
    head, axes = (image > HEAD).float(), tuple(range(2, image.ndim))
    count = head.sum(axes, keepdim=True).clamp_min(1)
    mean = (image * head).sum(axes, keepdim=True) / count
    variance = ((image - mean).square() * head).sum(axes, keepdim=True) / count
    return mean, variance.sqrt().clamp_min(1e-3)


def _places(images: Images) -> list[int]:
    """Return which of its scan's images each one is: slices of one place are recombined."""
    seen: dict[Any, int] = defaultdict(int)
    found = []
    for row in images.table:
        scan = (row.get("subject"), row.get("scan"))
        found.append(seen[scan])
        seen[scan] += 1
    return found
