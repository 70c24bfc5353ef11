"""The taper planner: a page from the chart to a plan and, as drafts, back into the chart."""

from smart_app.planner.collaborators import PlannerCollaborators
from smart_app.planner.views import routes

__all__ = ["PlannerCollaborators", "routes"]
