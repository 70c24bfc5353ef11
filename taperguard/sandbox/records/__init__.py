"""The FHIR R4 store of the sandbox and its HTTP interface."""
