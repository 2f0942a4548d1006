"""Brain generators that others trained: the MONAI model zoo's and NVIDIA's."""
