"""Schedules made of tablets that exist.

A `TaperRequest` goes into `plan`, a `Schedule` comes out, or `CannotTaper` says why not.
"""

from clinical.taper.fills import Fill, fills
from clinical.taper.limits import BrokenLimit, DoseOnDays, Limit, judge, judge_course
from clinical.taper.pace import Pace, default_pace, pace, paces, recommended_pace
from clinical.taper.planner import plan
from clinical.taper.refusal import CannotTaper
from clinical.taper.request import CUT_ORDER, IntakeTime, TaperRequest
from clinical.taper.schedule import DispenseLine, Intake, Schedule, TaperStep, Target
from clinical.taper.tablets import Pieces, TabletProduct, default_products, products_of

__all__ = [
    "CUT_ORDER",
    "BrokenLimit",
    "CannotTaper",
    "DispenseLine",
    "DoseOnDays",
    "Fill",
    "Intake",
    "IntakeTime",
    "Limit",
    "Pace",
    "Pieces",
    "Schedule",
    "TabletProduct",
    "TaperRequest",
    "TaperStep",
    "Target",
    "default_pace",
    "default_products",
    "fills",
    "judge",
    "judge_course",
    "pace",
    "paces",
    "plan",
    "products_of",
    "recommended_pace",
]
