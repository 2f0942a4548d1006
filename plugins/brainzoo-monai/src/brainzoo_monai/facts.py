"""What is known of the published models and stands in no file of theirs that a machine reads.

UK Biobank (Pinaya et al. 2022): the authors' own demonstration (Hugging Face space
``Warvito/diffusion_brain``) tells ages as (age - 44) / (82 - 44) and sex as 0 for female and 1 for
male, and writes images with an affine of -1, 1, 1: the first axis runs from right to left. Volumes
are told from 0 to 1; which volumes these are was not published.

MAISI brain MR: contrasts and fields of view of ``docs/inference.md`` and
``configs/modality_mapping.json`` of NVIDIA-Medtech/NV-Generate-CTMR at da438fe.
"""

from __future__ import annotations

from brainzoo_monai.definitions import Condition

UK_BIOBANK = "ukbiobank"
"""Part of the ``data_source`` in the metadata of bundles trained on it."""

CONDITIONS = {
    "gender": Condition(name="sex", levels=["F", "M"]),
    "age": Condition(name="age", low=44.0, high=82.0, unit="years"),
    "ventricular volume": Condition(
        name="ventricles", unit="of the range in training, 0 the smallest"
    ),
    "brain volume": Condition(name="brain", unit="of the range in training, 0 the smallest"),
}
"""How people ask for what bundles name so, where they were trained on UK Biobank."""

CONTRASTS = {
    "mri_t1": "T1w",
    "mri_t2": "T2w",
    "mri_flair": "FLAIR",
    "mri_swi": "SWI",
    "mri_mra": "MRA",
}
"""Names of contrasts; of skull-stripped images with ``_skull_stripped``."""

STRIPPED = "_skull_stripped"

MAPPING = {
    "mri_t1": 9,
    "mri_t2": 10,
    "mri_flair": 11,
    "mri_mra": 16,
    "mri_swi": 20,
    "mri_t1_skull_stripped": 29,
    "mri_t2_skull_stripped": 30,
    "mri_flair_skull_stripped": 31,
    "mri_swi_skull_stripped": 32,
    "mri_mra_skull_stripped": 33,
}
"""The numbers of contrasts, where a folder holds no modality_mapping.json."""

FIELDS_MM = {
    "T1w": [[240, 240, 174], [176, 250, 250], [240, 200, 240]],
    "T2w": [[240, 240, 158], [162, 240, 240], [200, 180, 200]],
    "FLAIR": [[250, 250, 175], [176, 250, 250], [250, 200, 250]],
    "SWI": [[230, 230, 145]],
    "MRA": [[220, 220, 158], [158, 250, 250], [240, 179, 240]],
}
"""Median fields of view of the training scans: axial, sagittal and coronal."""
