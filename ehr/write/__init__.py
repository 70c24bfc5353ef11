"""Facts to FHIR resources; strict."""
