"""What the report says of the project's own evaluators, beside what any evaluator says of itself.

The names are those that brainzoo's evaluators give their tables and pictures; a name that is not
here is shown as it is.
"""

from __future__ import annotations

LEADS = {
    "anomaly": (
        "Whether a model of healthy brains finds what does not belong, beside simple baselines "
        "that need no network."
    ),
    "gantrain": (
        "A classifier learned from synthetic images only, and was tested on real people whom the "
        "generator never saw: do the synthetic images hold what distinguishes the classes?"
    ),
    "metrics": (
        "How far the synthetic images are from real ones of people whom the generator never saw, "
        "how varied they are, and which people they miss."
    ),
    "privacy": (
        "Whether synthetic images copy people of the training data: they should not be nearer to "
        "them than images of other people are."
    ),
}

PUBLISHED = (("Alam et al., PGGAN", 0.736, 0.883), ("Alam et al., DCGAN", 0.598, 0.883))
"""Harmonic means that Alam et al. published (brain MRI, SVM on VGG-16): synthetic, and real."""

PICTURES = {
    ("gantrain", "curve"): (
        "What synthetic images add",
        "to more and more real people; where the curves meet they add nothing",
    ),
    ("privacy", "suspicious"): (
        "The most suspicious images",
        "each, its nearest training image, the difference (a copy's is black), nearest test image",
    ),
    ("metrics", "intensities"): (
        "Intensities",
        "how many pixels have each grey value; curves that coincide are alike",
    ),
    ("metrics", "coverage"): (
        "Who is covered",
        "share of test subjects that some synthetic image is as near to as other people are",
    ),
    ("metrics", "farthest"): (
        "Who is missed",
        "real test images farthest from any synthetic one, each above its nearest",
    ),
    ("metrics", "anatomy"): ("Anatomy check", "what the tissue classes are measured on"),
    ("anomaly", "overlays"): (
        "What was found",
        "lesions outlined in green, findings in red: by the model's score and the best baseline's",
    ),
    ("reconstruction", "reconstructions"): (
        "Test images and their reconstructions",
        "people whom the model never saw, before and after",
    ),
    ("reconstruction", "age"): (
        "The same heads at other ages",
        "one head per row; only the age given to the model changes along it",
    ),
}

TABLES = {
    ("gantrain", "GAN-train"): (
        "What classifiers learn from each set",
        "all tested on the same real people; in brackets 95 % intervals over these people",
    ),
    ("privacy", "most suspicious"): ("The most suspicious images", ""),
    ("privacy", "similarity to the nearest training image"): (
        "Similarity to the nearest training image",
        "shares of images; synthetic ones should lie as real test images do, not as planted copies",
    ),
    ("metrics", "coverage"): (
        "Test subjects",
        "how far the nearest synthetic image is, in units of how far people are from each other",
    ),
    ("metrics", "regions"): (
        "Gaps and thin places by age, sex and class",
        "few training subjects make a place thin; few reached test subjects a gap",
    ),
    ("metrics", "anatomy"): ("Tissue volumes", "d is the difference in standard deviations"),
    ("metrics", "floors"): ("Values beside their floors", ""),
    ("anomaly", "scores"): (
        "Every score",
        "low and high are 95 % intervals over the test subjects; oracle thresholds know the answer",
    ),
    ("anomaly", "scores by lesion"): (
        "By kind and width of the lesion",
        "the same measures, among the images with such a lesion",
    ),
    ("anomaly", "chance"): ("What chance reaches", "the share of voxels that lie in a lesion"),
    ("reconstruction", "fluid along age"): (
        "Dark fluid along age",
        "in the heads above and in real people; compare how it grows",
    ),
}

OPEN = {("metrics", "regions"), ("gantrain", "GAN-train"), ("anomaly", "scores")}
"""Tables that are shown without a click."""


def of_picture(evaluator: str, name: str) -> tuple[str, str]:
    """Return the title of a picture and a word on it; of a plane, the plane is added."""
    first, _, plane = name.partition("-")
    for key, shown in ((name, ""), (first, plane)):
        if (evaluator, key) in PICTURES:
            title, about = PICTURES[evaluator, key]
            return (f"{title}, {shown}" if shown else title), about
    return name.replace("_", " ").replace("-", " "), ""


def of_table(evaluator: str, name: str) -> tuple[str, str]:
    """Return the title of a table and a word on it."""
    return TABLES.get((evaluator, name), (name, ""))
