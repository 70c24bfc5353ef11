"""Schedules made of tablets that exist.

A `TaperRequest` goes into `plan`, a `Schedule` comes out, or `CannotTaper` says why not. What
becomes of it on the way: `begin` makes a `TaperPlan` of the request, `change` adds a change,
`stand` tells how the plan stands.
"""

from clinical.taper.as_needed import TakenAsNeeded, refuse_rare
from clinical.taper.changes import (
    CannotChange,
    Hold,
    LateFill,
    Maintain,
    MissedCheckIn,
    PlanChange,
    RedFlag,
    Resume,
    SkipForward,
    SlowDown,
    StepBack,
    Stop,
    UrgentPathway,
    replan_rules,
    urgent_pathway,
)
from clinical.taper.custom import (
    CUSTOM,
    custom_limits,
    milligram_pace,
    percent_pace,
    refuse_interval,
)
from clinical.taper.dispensing import Dispensing, dispensing
from clinical.taper.fills import Fill, fills
from clinical.taper.limits import BrokenLimit, DoseOnDays, Limit, judge, judge_course
from clinical.taper.pace import Pace, pace, paces
from clinical.taper.planner import plan
from clinical.taper.refusal import CannotTaper
from clinical.taper.replan import (
    Decision,
    StandingPlan,
    TaperPlan,
    as_known_on,
    begin,
    change,
    stand,
    under_way,
)
from clinical.taper.request import (
    CUT_ORDER,
    TIMES_OF_DAY,
    IntakeTime,
    TaperRequest,
    cut_order_from,
    proposed_review,
)
from clinical.taper.schedule import DispenseLine, Intake, Schedule, TaperStep, Target
from clinical.taper.tablets import Pieces, TabletProduct, default_products, products_of
from clinical.taper.typed import TYPED, Typed, begin_from_course, read_typed

__all__ = [
    "CUSTOM",
    "CUT_ORDER",
    "TIMES_OF_DAY",
    "TYPED",
    "BrokenLimit",
    "CannotChange",
    "CannotTaper",
    "Decision",
    "DispenseLine",
    "Dispensing",
    "DoseOnDays",
    "Fill",
    "Hold",
    "Intake",
    "IntakeTime",
    "LateFill",
    "Limit",
    "Maintain",
    "MissedCheckIn",
    "Pace",
    "Pieces",
    "PlanChange",
    "RedFlag",
    "Resume",
    "Schedule",
    "SkipForward",
    "SlowDown",
    "StandingPlan",
    "StepBack",
    "Stop",
    "TabletProduct",
    "TakenAsNeeded",
    "TaperPlan",
    "TaperRequest",
    "TaperStep",
    "Target",
    "Typed",
    "UrgentPathway",
    "as_known_on",
    "begin",
    "begin_from_course",
    "change",
    "custom_limits",
    "cut_order_from",
    "default_products",
    "dispensing",
    "fills",
    "judge",
    "judge_course",
    "milligram_pace",
    "pace",
    "paces",
    "percent_pace",
    "plan",
    "products_of",
    "proposed_review",
    "read_typed",
    "refuse_interval",
    "refuse_rare",
    "replan_rules",
    "stand",
    "under_way",
    "urgent_pathway",
]
