"""Tapers in the chart: read from the records, followed on their days, and how they ended."""

from clinical.tapers.ended import EarlierTaper, TaperEnd, earlier_tapers
from clinical.tapers.in_progress import TaperInProgress, taper_in_progress
from clinical.tapers.plans import Shape
from clinical.tapers.progress import Answer, Progress, progress
from clinical.tapers.reader import Taper, taper_under_way, tapers
from clinical.tapers.series import changes
from clinical.tapers.signs import TaperSigns, taper_signs

__all__ = [
    "Answer",
    "EarlierTaper",
    "Progress",
    "Shape",
    "Taper",
    "TaperEnd",
    "TaperInProgress",
    "TaperSigns",
    "changes",
    "earlier_tapers",
    "progress",
    "taper_in_progress",
    "taper_signs",
    "taper_under_way",
    "tapers",
]
