"""FHIR resources to facts; tolerant of what real EHRs send."""
