"""Data sets that people know: how their files become channels, label maps and people.

A layout is a declaration. The next data set is one more of them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brainzoo.datasets.names import Name

NOTHING: Mapping[str, str] = {}


@dataclasses.dataclass(frozen=True)
class Layout:
    """A declaration of a data set.

    Attributes:
        name: What people type: ``--data brats``.
        summary: One line for lists.
        files: Regular expressions of paths below the root, with the named groups ``subject`` and
            ``image``, and where there are any ``visit`` and ``detail`` (runs).
        channels: Spellings of the group ``image`` by channel, those of one channel in order of
            preference.
        labels: Spellings of the group ``image`` that are label maps, the best first.
        masks: Spellings of brain masks.
        label_names: What the labels mean.
        number: How the table's ids that are bare numbers are written, as a format: ``IXI{:03d}``.
        ids: Whether ids may themselves hold visits or contrasts, and are read as any name.
        columns: What the table's columns hold, by the column's name in small letters and ``_``:
            ``id``, ``visit``, ``age``, ``sex``, ``site``, ``class``.
        codes: What a column's codes mean, by what it holds.
        only_columns: Whether nothing else of the table is read.
        tables: Names of tables that are looked for below the root, as globs.
        license: As the providers state it.
        citation: How to cite it.
        url: Where it comes from.
    """

    name: str
    summary: str
    files: tuple[str, ...]
    channels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    labels: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()
    label_names: Mapping[int, str] = dataclasses.field(default_factory=dict)
    number: str = ""
    only_columns: bool = False
    ids: bool = False
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    codes: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    tables: tuple[str, ...] = ()
    license: str = "unknown"
    citation: str = ""
    url: str = ""

    def read(self, place: str) -> Name | None:
        """Return what a path below the root says; ``None`` if it does not fit the layout."""
        for pattern in self.files:
            match = re.search(pattern, place, re.IGNORECASE)
            if match:
                return self._named({k: v or "" for k, v in match.groupdict().items()})
        return None

    def _named(self, parts: Mapping[str, str]) -> Name:
        from brainzoo.datasets.names import Name, channel_name, read_part  # lists need none of it

        image = parts.get("image", "").lower()
        person, visit, detail = parts["subject"], parts.get("visit", ""), parts.get("detail", "")
        if self.ids:
            inner = read_part(person)
            person, detail = inner.person or person, "_".join(filter(None, [inner.detail, detail]))
            visit = visit or inner.visit
        made = Name(person, visit, detail, word=image, study=not self.ids)
        if image in (spelling.lower() for spelling in self.labels):
            return dataclasses.replace(made, kind="label")
        if image in (spelling.lower() for spelling in self.masks):
            return dataclasses.replace(made, kind="mask")
        for channel, spellings in self.channels.items():
            if image in spellings.lower().split():
                return dataclasses.replace(made, channel=channel)
        if self.channels and image:
            return dataclasses.replace(made, kind="other")
        return dataclasses.replace(made, channel=channel_name(image) if image else "")

    def rank(self, word: str) -> int:
        """Return how good a spelling is among those of its channel or of label maps."""
        for spellings in (*(words.lower().split() for words in self.channels.values()),
                          [label.lower() for label in self.labels]):  # fmt: skip
            if word in spellings:
                return spellings.index(word)
        return 0


IXI = Layout(
    name="ixi",
    summary="IXI: nearly 600 healthy adults of three London hospitals; local or downloaded.",
    files=(
        r"(?:^|/)(?P<subject>IXI\d{3})-(?P<visit>(?:Guys|HH|IOP)-\d{4})[-_](?P<image>.+?)\.nii",
    ),
    channels={"T1w": "T1", "T2w": "T2", "PDw": "PD", "angio": "MRA", "b0": "DTI-00"},
    labels=("DLMUSE", "seg", "T1-seg", "T1_DLMUSE", "T1-DLMUSE"),
    masks=("mask", "brain_mask", "brainmask", "brain-mask", "T1_mask", "T1-mask", "T1_brain_mask"),
    number="IXI{:03d}",
    only_columns=True,
    columns={"ixi_id": "id", "participant_id": "id", "sex_id_1_m_2_f": "sex", "age": "age"},
    codes={"sex": {"1": "M", "2": "F"}},
    tables=("ixi.xls", "ixi.csv", "participants.csv", "participants.tsv"),
    license="CC BY-SA 3.0",
    citation="IXI dataset, Biomedical Image Analysis Group, Imperial College London, "
    "brain-development.org (EPSRC GR/S21533/02)",
    url="https://brain-development.org/ixi-dataset/",
)

BRATS = Layout(
    name="brats",
    summary="BraTS 2017 to 2024: gliomas and other tumours, four contrasts and a segmentation.",
    files=(
        r"(?P<subject>BraTS(?:-[A-Za-z]+)+-\d{4,5})-(?P<visit>\d{3})-(?P<image>[^/]+?)\.nii",
        r"(?P<subject>BraTS1[789]_[A-Za-z0-9]+_[A-Za-z0-9]+)_(?P<visit>\d+)_(?P<image>[^/_]+)\.nii",
        r"(?P<subject>BraTS20(?:_[A-Za-z]+)?_\d+|BraTS2021_\d+)_(?P<image>[^/]+?)\.nii",
    ),
    channels={"T1w": "t1 t1n", "T1ce": "t1ce t1c", "T2w": "t2 t2w", "FLAIR": "flair t2f"},
    labels=("seg",),
    label_names={1: "necrotic core", 2: "oedema", 3: "enhancing tumour", 4: "enhancing tumour"},
    columns={"age": "age", "brats_2020_subject_id": "id", "brats20id": "id", "brats19id": "id",
             "brats18id": "id", "brats17id": "id", "brats21id": "id"},
    tables=("survival_*.csv", "survival_*.tsv", "participants.[ct]sv"),
    license="BraTS terms of use",
    citation="Menze BH et al. (2015). The Multimodal Brain Tumor Image Segmentation Benchmark "
    "(BRATS). IEEE TMI 34:1993-2024. Baid U et al. (2021). arXiv:2107.02314",
    url="https://www.synapse.org/brats",
)  # fmt: skip

OASIS = Layout(
    name="oasis",
    summary="OASIS-1 and -2 as released, and the neurite release of OASIS-1 with label maps.",
    files=(
        r"(?P<subject>OAS[12]_\d{4})_(?P<visit>MR\d+)/(?:.*/)?(?P<image>(aligned_)?(orig|norm|seg\d+))\.",
        r"(?P<subject>OAS[12]_\d{4})_(?P<visit>MR\d+)([-_](?P<detail>mpr-\d+))?([-_](?P<image>[^/]*?))?\.",
        r"(?P<subject>OAS[12]_\d{4})_(?P<visit>MR\d+)/(?:.*/)?(?P<detail>mpr-\d+)[^/]*\.",
    ),
    channels={"T1w": "aligned_norm norm orig aligned_orig anon t1 t1w t88_gfc t88_masked_gfc"},
    labels=("aligned_seg35", "seg35", "aligned_seg24", "seg24", "aligned_seg4", "seg4", "fseg"),
    columns={"id": "scan", "mri_id": "scan", "subject_id": "id", "m_f": "sex", "age": "age",
             "cdr": "cdr", "mmse": "mmse", "group": "group"},
    tables=("oasis_*.csv", "*oasis*.csv", "participants.[ct]sv"),
    license="OASIS data use agreement",
    citation="Marcus DS et al. (2007). Open Access Series of Imaging Studies (OASIS). "
    "J Cogn Neurosci 19:1498-1507. Hoopes A et al. (2021). HyperMorph. IPMI",
    url="https://www.oasis-brains.org",
)  # fmt: skip

_RAW = (  # how the INDI releases lay out raw anatomy
    r"(?:^|/)(?:[A-Za-z][\w-]*?_)?(?P<subject>\d{5,7})/(?P<visit>session_\d+)/(?P<detail>anat_\d+)/"
    r"(?P<image>mprage(?:_anonymized)?|anat|T1w?)\.nii"
)

ADHD200 = Layout(
    name="adhd200",
    summary="ADHD-200: children and adolescents, 362 with ADHD; classes by diagnosis.",
    files=(
        _RAW,
        r"(?:^|/)s?wssd(?P<subject>\d{5,7})_(?P<visit>session_\d+)_(?P<image>anat)\.nii",
        r"sub-(?P<subject>\d{5,7})(?:_(?P<visit>ses-\w+?))?(?:_(?P<detail>run-\d+))?_(?P<image>T1w)\.nii",
    ),
    channels={"T1w": "mprage mprage_anonymized anat t1 t1w"},
    columns={"scan_dir_id": "id", "scandirid": "id", "participant_id": "id", "gender": "sex",
             "age": "age", "site": "site", "dx": "class"},
    codes={
        "sex": {"0": "F", "1": "M"},
        "class": {"0": "control", "1": "ADHD combined", "2": "ADHD hyperactive",
                  "3": "ADHD inattentive"},
        "site": {"1": "Peking", "2": "Bradley", "3": "KKI", "4": "NeuroIMAGE", "5": "NYU",
                 "6": "OHSU", "7": "Pittsburgh", "8": "WashU"},
    },
    tables=("*phenotypic*.[ct]sv", "participants.[ct]sv"),
    license="CC BY-NC 3.0",
    citation="HD-200 Consortium (2012). The ADHD-200 Consortium: a model to advance the "
    "translational potential of neuroimaging in clinical neuroscience. Front Syst Neurosci 6:62",
    url="https://fcon_1000.projects.nitrc.org/indi/adhd200/",
)  # fmt: skip

ABIDE = Layout(
    name="abide",
    summary="ABIDE I and II: 6 to 64 years, about half with autism; classes by diagnosis.",
    files=(
        _RAW,
        r"(?:^|/)(?:[A-Za-z][\w-]*?_)?(?P<subject>00\d{5}|[25]\d{4})(?:_(?P<image>[^/]*?))?\.nii",
    ),
    channels={"T1w": "mprage mprage_anonymized anat t1 t1w"},
    columns={"sub_id": "id", "participant_id": "id", "sex": "sex", "age_at_scan": "age",
             "age_at_scan_years": "age", "site_id": "site", "dx_group": "class"},
    codes={"sex": {"1": "M", "2": "F"}, "class": {"1": "autism", "2": "control"}},
    tables=("phenotypic_*.csv", "*abide*.csv", "participants.[ct]sv"),
    license="CC BY-NC-SA 3.0",
    citation="Di Martino A et al. (2014). The Autism Brain Imaging Data Exchange. "
    "Mol Psychiatry 19:659-667",
    url="https://fcon_1000.projects.nitrc.org/indi/abide/",
)  # fmt: skip

FREESURFER = Layout(
    name="freesurfer",
    summary="A SUBJECTS_DIR of FreeSurfer: subject/mri/T1.mgz with aseg as label map.",
    files=(r"(?:^|/)(?P<subject>[^/]+)/mri/(?:orig/)?(?P<image>[^/]+?)\.(?:mgz|nii\.gz|nii)$",),
    channels={"T1w": "T1 nu norm orig 001 rawavg", "T2w": "T2 T2.prenorm", "FLAIR": "FLAIR"},
    labels=("aseg", "aseg.presurf", "aparc+aseg", "aparc.a2009s+aseg", "wmparc"),
    masks=("brainmask",),
    label_names={2: "left white matter", 3: "left cortex", 4: "left lateral ventricle",
                 10: "left thalamus", 17: "left hippocampus", 16: "brain stem",
                 41: "right white matter", 42: "right cortex", 43: "right lateral ventricle",
                 49: "right thalamus", 53: "right hippocampus"},
    ids=True,
    citation="Fischl B (2012). FreeSurfer. NeuroImage 62:774-781",
    url="https://surfer.nmr.mgh.harvard.edu",
)  # fmt: skip

HCP = Layout(
    name="hcp",
    summary="Folders of the HCP pipelines: subject/T1w/T1w_acpc_dc_restore.nii.gz and T2w.",
    files=(
        r"(?:^|/)(?P<subject>[^/]+)/T1w/(?P<image>(T[12]w|aparc|wmparc|ribbon|brainmask|bias).*?)\.nii",
    ),
    channels={
        "T1w": "T1w_acpc_dc_restore T1w_acpc_dc T1w_acpc T1w",
        "T2w": "T2w_acpc_dc_restore T2w_acpc_dc T2w_acpc T2w",
    },
    labels=("aparc+aseg", "aparc.a2009s+aseg", "wmparc", "ribbon"),
    masks=("brainmask_fs", "T1w_acpc_brain_mask"),
    ids=True,
    columns={"subject": "id", "gender": "sex", "age_in_yrs": "age", "age": "age"},
    tables=("*hcp*.csv", "*unrestricted*.csv", "participants.[ct]sv"),
    license="WU-Minn HCP open access data use terms",
    citation="Van Essen DC et al. (2013). The WU-Minn Human Connectome Project. "
    "NeuroImage 80:62-79. Glasser MF et al. (2013). NeuroImage 80:105-124",
    url="https://www.humanconnectome.org",
)

NNUNET = Layout(
    name="nnunet",
    summary="nnU-Net and Medical Segmentation Decathlon: imagesTr, labelsTr, dataset.json.",
    files=(
        r"(?:^|/)images(?:Tr|Ts)/(?P<subject>[^/]+)_(?P<image>\d{4})\.nii",
        r"(?:^|/)images(?:Tr|Ts)/(?P<subject>[^/]+?)(?P<image>)\.nii",
        r"(?:^|/)(?P<image>labels)(?:Tr|Ts)/(?P<subject>[^/]+?)\.nii",
    ),
    labels=("labels",),
    ids=True,
    citation="Isensee F et al. (2021). nnU-Net. Nat Methods 18:203-211. "
    "Antonelli M et al. (2022). The Medical Segmentation Decathlon. Nat Commun 13:4128",
    url="https://github.com/MIC-DKFZ/nnUNet",
)

LAYOUTS = (NNUNET, IXI, BRATS, OASIS, HCP, FREESURFER)
"""Those recognised by their file names; tried for any folder."""


def recognised(places: Sequence[str]) -> Layout | None:
    """Return the layout that most files of a folder fit, if there is one."""
    for layout in LAYOUTS:
        fitting = [name for place in places if (name := layout.read(place))]
        if len(fitting) > 0.6 * len(places) and any(name.kind == "scan" for name in fitting):
            return layout
    return None
