"""The taper planner: a page from the chart to a plan and, as drafts, back into the chart."""

from smart_app.planner.views import PlannerCollaborators, routes

__all__ = ["PlannerCollaborators", "routes"]
