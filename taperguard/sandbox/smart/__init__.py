"""The SMART App Launch 2.2 authorization server of the sandbox, and the guard of its FHIR door.

Own code over joserfc: the grants are few, and each follows its text (RFC 6749, 7523, 7636, 9207,
SMART App Launch 2.2.0, OpenID Connect Core 1.0). The person is always the one prescriber of this
pretend clinic, who counts as signed in; nothing here is an example of how to sign people in.
"""
