"""The numbers of the verdict's rules."""

from __future__ import annotations

COPY_RATE = 0.01  # of real, unseen images that may count as copies
DUPLICATE_ERROR = 0.01  # chance that any of all images counts as a duplicate without being one
LEAST_SUBJECTS = 20  # trained on, and unseen: below, neither limits nor membership can be judged
LEAST_IMAGES = 100  # synthetic: below, a copy rate of some percent would go unseen
LEAST_RECALL = 0.95
MOST_AUC = 0.55
AUC_LIMIT = 0.65  # of the upper end of its interval: more would be a leak worth a name
CHANCE = 0.5

RULES = {
    "copy_rate": COPY_RATE,
    "duplicate_error": DUPLICATE_ERROR,
    "least_recall": LEAST_RECALL,
    "most_membership_auc": MOST_AUC,
    "membership_auc_limit": AUC_LIMIT,
    "least_subjects": float(LEAST_SUBJECTS),
    "least_images": float(LEAST_IMAGES),
}
"""As the verdict holds them."""
