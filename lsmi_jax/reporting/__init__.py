"""Plots, the HTML report and progress bars; their libraries are imported only when they are used."""

from lsmi_jax.reporting._html_report import Report, write_report
from lsmi_jax.reporting._image_plots import plot_top_images
from lsmi_jax.reporting._images import check_images, thumbnail
from lsmi_jax.reporting._matrix_plots import plot_pairs
from lsmi_jax.reporting._modalities_report import write_modalities_report
from lsmi_jax.reporting._plots import (
    COLORS,
    NAMES,
    plot_classes,
    plot_layers,
    plot_radar,
    plot_samples,
    plot_summary,
    plot_training,
)
from lsmi_jax.reporting._row_bar import row_bar

__all__ = [
    "COLORS",
    "NAMES",
    "Report",
    "check_images",
    "plot_classes",
    "plot_layers",
    "plot_pairs",
    "plot_radar",
    "plot_samples",
    "plot_summary",
    "plot_top_images",
    "plot_training",
    "row_bar",
    "thumbnail",
    "write_modalities_report",
    "write_report",
]
