"""GET /openapi.json: the doors for machines, described as OpenAPI 3.1.

The CDS Hooks door and what operations asks. Pages for people are not described: `NOT_DESCRIBED`
says which and why.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cds_hooks.discovery import ORDER_SAFETY, PATIENT_REVIEW
from ehr.decode import encode
from taperguard.limits import MOST_BODY_BYTES
from taperguard.openapi_schemas import ref, schemas

JsonObject = dict[str, Any]

NOT_DESCRIBED = {
    "/smart": "the SMART app launch: its specification describes it",
    "/planner": "pages of the SMART app, for people",
    "/reports": "pages of the report, for people",
    "/evidence": "a page for people; its JSON is the page's own text",
    "/static": "styles and scripts of the pages",
    "/.well-known/jwks.json": "a key set, which RFC 7517 describes",
}
"""Beginnings of paths that the document leaves out, each with its reason."""

_REFUSALS = {
    "400": "The request cannot be used; the expression names the field.",
    "408": "The body did not come in time.",
    "413": f"The body has more than {MOST_BODY_BYTES} bytes.",
    "429": "The client asks too often.",
    "431": "The head of the request is too large.",
    "500": "An error of ours; the sentence has an event id to find it by.",
    "503": "It cannot be done now; ask again after the seconds of Retry-After.",
}
_CLIENT = "cdsClient"


def document(base_url: str, *, development: bool) -> JsonObject:
    """The document, for the address at which clients reach us.

    In development calls without a token are answered too.
    """
    trusted: list[JsonObject] = [{_CLIENT: []}, *([{}] if development else [])]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "TaperGuard",
            "version": version("taperguard"),
            "summary": "CDS Hooks for safe clonazepam prescribing and deprescribing",
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base_url}],
        "paths": {
            "/cds-services": {"get": _discovery(trusted)},
            f"/cds-services/{ORDER_SAFETY}": {
                "post": _service(
                    "checkOrders",
                    "Check the orders that are selected or signed",
                    ("OrderSelectRequest", "OrderSignRequest"),
                    trusted,
                )
            },
            f"/cds-services/{PATIENT_REVIEW}": {
                "post": _service(
                    "reviewChart",
                    "Review the chart that is opened",
                    ("PatientViewRequest",),
                    trusted,
                )
            },
            "/cds-services/{id}/feedback": {"post": _feedback(trusted)},
            "/healthz": {"get": _health()},
            "/readyz": {"get": _readiness()},
            "/metrics": {"get": _metrics()},
            "/openapi.json": {"get": _itself()},
        },
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                _CLIENT: {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A token that the registered CDS client has signed for this "
                    "call (CDS Hooks, Trusting CDS Clients).",
                }
            },
        },
    }


def routes(base_url: str, *, development: bool) -> list[Route]:
    """The route of the document; it is written once."""
    written = encode(document(base_url, development=development))

    async def openapi(_: Request) -> Response:
        return Response(written, media_type="application/json")

    return [Route("/openapi.json", openapi)]


def _json(schema: str, media_type: str = "application/json") -> JsonObject:
    return {media_type: {"schema": ref(schema)}}


def _refusals(*more: tuple[str, str]) -> JsonObject:
    """The refusals that each call of the door may meet, and `more`; a 401 has no body."""
    said = sorted([*_REFUSALS.items(), *more])
    outcome = _json("OperationOutcome", "application/fhir+json")
    return {
        "401": {"description": "No trusted client called; no more is told."},
        **{status: {"description": words, "content": outcome} for status, words in said},
    }


def _discovery(trusted: list[JsonObject]) -> JsonObject:
    return {
        "operationId": "discover",
        "summary": "The services (CDS Hooks, Discovery)",
        "security": trusted,
        "responses": {
            "200": {"description": "The services.", "content": _json("Discovery")},
            **_refusals(),
        },
    }


def _service(
    operation: str, summary: str, requests: Iterable[str], trusted: list[JsonObject]
) -> JsonObject:
    accepted = {"oneOf": [ref(name) for name in requests]}
    return {
        "operationId": operation,
        "summary": f"{summary} (CDS Hooks, Calling a CDS Service)",
        "security": trusted,
        "requestBody": {"required": True, "content": {"application/json": {"schema": accepted}}},
        "responses": {
            "200": {
                "description": "Cards, and the account of every check.",
                "content": _json("Cards"),
            },
            **_refusals(("412", "The draft decides nothing without data that was not supplied.")),
        },
    }


def _feedback(trusted: list[JsonObject]) -> JsonObject:
    services = {"enum": [ORDER_SAFETY, PATIENT_REVIEW]}
    return {
        "operationId": "giveFeedback",
        "summary": "What became of cards (CDS Hooks, Feedback)",
        "security": trusted,
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": services}],
        "requestBody": {"required": True, "content": _json("Feedback")},
        "responses": {
            "200": {"description": "All reports are kept. Without a body."},
            **_refusals(("404", "There is no service of this id.")),
        },
    }


def _health() -> JsonObject:
    alive = {
        "type": "object",
        "properties": {"status": {"const": "alive"}},
        "required": ["status"],
    }
    return {
        "operationId": "isAlive",
        "summary": "Whether the process lives",
        "responses": {
            "200": {"description": "It does.", "content": {"application/json": {"schema": alive}}}
        },
    }


def _readiness() -> JsonObject:
    return {
        "operationId": "isReady",
        "summary": "Whether the service can keep what it promises",
        "responses": {
            "200": {"description": "It can.", "content": _json("Readiness")},
            "503": {"description": "It cannot, and why.", "content": _json("Readiness")},
        },
    }


def _metrics() -> JsonObject:
    said = {"schema": {"type": "string"}}
    return {
        "operationId": "metrics",
        "summary": "Counters for Prometheus, without patients",
        "responses": {"200": {"description": "Them.", "content": {CONTENT_TYPE_LATEST: said}}},
    }


def _itself() -> JsonObject:
    anything = {"application/json": {"schema": {"type": "object"}}}
    return {
        "operationId": "describe",
        "summary": "This document",
        "responses": {"200": {"description": "It.", "content": anything}},
    }
