"""The population report's core: what each measure counts, and how counts add up (CLINICAL 9).

`measure_patient` answers every measure for one patient, each answer with its reason and its
records. `Tally` adds patients up, in any order and in any parts. `report_of` is the tally in the
report's words, `shareable` the same without small cells.
"""

from clinical.measures.definitions import MEASURES, Measure, MeasureRules, measure_rules
from clinical.measures.disclosure import shareable
from clinical.measures.patient import measure_patient
from clinical.measures.report import report_of
from clinical.measures.result import MeasureResult, PatientMeasures
from clinical.measures.tally import Tally

__all__ = [
    "MEASURES",
    "Measure",
    "MeasureResult",
    "MeasureRules",
    "PatientMeasures",
    "Tally",
    "measure_patient",
    "measure_rules",
    "report_of",
    "shareable",
]
