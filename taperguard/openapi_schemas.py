"""What the doors for machines read and write, as JSON Schemas (2020-12, as OpenAPI 3.1 has it).

The numbers and names are those of the code. Requests are described as a client should send them;
that the reader tolerates more is no promise.
"""

from __future__ import annotations

from typing import Any

from cds_hooks.account import EXTENSION
from cds_hooks.cards import TOPICS
from cds_hooks.feedback import LONGEST_COMMENT, MOST_REPORTS
from cds_hooks.request import (
    CONFIGURATION,
    LONGEST_ID,
    MOST_DRAFTS,
    ORDER_SELECT,
    ORDER_SIGN,
    PATIENT_VIEW,
)
from clinical.findings import CheckId, Severity
from ehr.needs import NEEDS
from store.feedback import Outcome

Schema = dict[str, Any]


def text(description: str | None = None, **more: Any) -> Schema:
    """A text that is not empty: neither side sends empty ones."""
    told = {} if description is None else {"description": description}
    return {"type": "string", "minLength": 1, **told, **more}


def whole(properties: dict[str, Schema], *optional: str, closed: bool = True) -> Schema:
    """An object of which all members but these are required; `closed` lets no others in."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        **({"additionalProperties": False} if closed else {}),
    }


def some(items: Schema, **more: Any) -> Schema:
    """A list that is not empty."""
    return {"type": "array", "items": items, "minItems": 1, **more}


def ref(name: str) -> Schema:
    """A reference to one of `schemas()`."""
    return {"$ref": f"#/components/schemas/{name}"}


def schemas() -> dict[str, Schema]:
    """Every schema by its name."""
    return {
        "Discovery": _discovery(),
        "OrderSelectRequest": _hook(ORDER_SELECT, _ordering(selections=True)),
        "OrderSignRequest": _hook(ORDER_SIGN, _ordering(selections=False)),
        "PatientViewRequest": _hook(PATIENT_VIEW, {}),
        "FhirAuthorization": _fhir_authorization(),
        "Prefetch": _prefetch(),
        "Resource": {
            "description": "A FHIR resource.",
            "type": "object",
            "properties": {"resourceType": text()},
            "required": ["resourceType"],
        },
        "Cards": whole(
            {
                "cards": {"type": "array", "items": ref("Card")},
                "extension": {
                    **whole({EXTENSION: ref("Account")}, closed=False),
                },
            }
        ),
        "Card": _card(),
        "Suggestion": _suggestion(),
        "Link": _link(),
        "Coding": whole({"system": text(), "code": text(), "display": text()}),
        "Account": _account(),
        "Checked": _checked(),
        "Feedback": whole({"feedback": some(ref("Report"), maxItems=MOST_REPORTS)}, closed=False),
        "Report": _report(),
        "OperationOutcome": _operation_outcome(),
        "Readiness": whole({"ready": {"type": "boolean"}, "database": text(), "broker": text()}),
    }


def _discovery() -> Schema:
    service = whole(
        {
            "hook": {"enum": [ORDER_SELECT, ORDER_SIGN, PATIENT_VIEW]},
            "id": text("The last part of the URL of the service."),
            "title": text(),
            "description": text(),
            "prefetch": {
                "type": "object",
                "propertyNames": {"enum": [need.key for need in NEEDS]},
                "additionalProperties": text("A template of a FHIR query."),
            },
            "usageRequirements": text(),
            "version": text("The version of CDS Hooks.", pattern=r"^\d+\.\d+\.\d+"),
            "hookVersion": text(),
            "extension": {"type": "object"},
        },
        "extension",
    )
    return whole({"services": {"type": "array", "items": service}})


def _hook(hook: str, context: dict[str, Schema]) -> Schema:
    someone = text(maxLength=LONGEST_ID)
    return whole(
        {
            "hook": {"const": hook},
            "hookInstance": text("A UUID for this call.", maxLength=LONGEST_ID),
            "fhirServer": text("Required with fhirAuthorization.", format="uri"),
            "fhirAuthorization": ref("FhirAuthorization"),
            "context": whole(
                {
                    "userId": {**someone, "examples": ["Practitioner/abc"]},
                    "patientId": someone,
                    "encounterId": text(),
                    **context,
                },
                "encounterId",
                closed=False,
            ),
            "prefetch": ref("Prefetch"),
            "extension": {
                "type": "object",
                "properties": {
                    CONFIGURATION: {
                        "description": "Values for the options that discovery lists, by code.",
                        "type": "object",
                        "additionalProperties": {"type": "boolean"},
                    }
                },
            },
        },
        "fhirServer",
        "fhirAuthorization",
        "prefetch",
        "extension",
        closed=False,
    )


def _ordering(*, selections: bool) -> dict[str, Schema]:
    drafts = whole(
        {
            "resourceType": {"const": "Bundle"},
            "type": {"const": "collection"},
            "entry": {
                "type": "array",
                "items": whole({"resource": ref("Resource")}, closed=False),
                "maxItems": MOST_DRAFTS,
            },
        },
        "entry",
        closed=False,
    )
    selected = {"type": "array", "items": text("Type/id of a draft order.")}
    return {"draftOrders": drafts, **({"selections": selected} if selections else {})}


def _fhir_authorization() -> Schema:
    return whole(
        {
            "access_token": text(),
            "token_type": {"const": "Bearer"},
            "expires_in": {"type": "integer"},
            "scope": text(),
            "subject": text("Our client id at the EHR."),
            "patient": text(),
        },
        "patient",
        closed=False,
    )


def _prefetch() -> Schema:
    """Null where nothing was found; a key that is absent was not supplied."""
    return {
        "type": "object",
        "properties": {
            need.key: {
                "description": f"{need.resource_type}: {need.wanted}.",
                "anyOf": [ref("Resource"), {"type": "null"}],
            }
            for need in NEEDS
        },
    }


def _card() -> Schema:
    return whole(
        {
            "uuid": text(format="uuid"),
            "summary": text(maxLength=139),
            "indicator": {"enum": ["info", "warning", "critical"]},
            "detail": text("GitHub Markdown without HTML."),
            "source": whole(
                {
                    "label": text(),
                    "url": text(format="uri"),
                    "topic": whole(
                        {
                            "system": {"const": TOPICS},
                            "code": {"enum": [check.value for check in CheckId]},
                            "display": text(),
                        }
                    ),
                }
            ),
            "suggestions": some(ref("Suggestion")),
            "selectionBehavior": {"const": "at-most-one"},
            "overrideReasons": some(ref("Coding")),
            "links": some(ref("Link")),
            "extension": whole({EXTENSION: ref("Account")}),
        },
        "suggestions",
        "selectionBehavior",
    )


def _suggestion() -> Schema:
    described = {"description": text("What it does.")}
    return whole(
        {
            "label": text(),
            "uuid": text(format="uuid"),
            "isRecommended": {"type": "boolean"},
            "actions": some(
                {
                    "oneOf": [
                        whole(
                            {
                                "type": {"enum": ["create", "update"]},
                                **described,
                                "resource": ref("Resource"),
                            }
                        ),
                        whole({"type": {"const": "delete"}, **described, "resourceId": text()}),
                    ]
                }
            ),
        },
        "isRecommended",
    )


def _link() -> Schema:
    return whole(
        {
            "label": text(),
            "url": text(format="uri"),
            "type": {"enum": ["absolute", "smart"]},
            "appContext": text("For a smart link only."),
        },
        "appContext",
    )


def _account() -> Schema:
    return whole(
        {
            "rules_version": text(),
            "on": text("The day of the assessment.", format="date"),
            "checks": some(ref("Checked")),
            "notes": some(text()),
        },
        "notes",
    )


def _checked() -> Schema:
    told: dict[str, Schema] = {
        "check": {"enum": [check.value for check in CheckId]},
        "why": text(),
        "sources": some(text("Type/id of a resource it stands on.")),
    }
    fired = whole(
        {
            **told,
            "result": {"const": "fired"},
            "severity": {"enum": [severity.value for severity in Severity]},
            "shown": {"type": "boolean"},
            "shown_why": text("Why no card shows it."),
        },
        "sources",
        "shown_why",
    )
    quiet = whole(
        {**told, "result": {"enum": ["clear", "not-evaluable", "set-aside"]}},
        "sources",
    )
    return {"oneOf": [fired, quiet]}


def _report() -> Schema:
    reason = whole({"system": text(), "code": text(), "display": text()}, "display", closed=False)
    return {
        **whole(
            {
                "card": text("The uuid of the card.", format="uuid"),
                "outcome": {"enum": [outcome.value for outcome in Outcome]},
                "acceptedSuggestions": some(whole({"id": text(format="uuid")}, closed=False)),
                "overrideReason": {
                    **whole(
                        {"reason": reason, "userComment": text(maxLength=LONGEST_COMMENT)},
                        "reason",
                        "userComment",
                        closed=False,
                    ),
                    "minProperties": 1,
                },
                "outcomeTimestamp": text(format="date-time"),
            },
            "acceptedSuggestions",
            "overrideReason",
            closed=False,
        ),
        "if": {"properties": {"outcome": {"const": Outcome.ACCEPTED.value}}},
        "then": {"required": ["acceptedSuggestions"]},
    }


def _operation_outcome() -> Schema:
    issue = whole(
        {
            "severity": {"const": "error"},
            "code": text("An IssueType."),
            "details": whole({"text": text()}),
            "diagnostics": text("What went wrong, in a sentence."),
            "expression": some(text("The field of the request, as context.patientId.")),
        },
        "expression",
    )
    return whole({"resourceType": {"const": "OperationOutcome"}, "issue": some(issue, maxItems=1)})
