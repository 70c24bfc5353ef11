"""The SMART app door. Its first page comes with the planner."""
