"""A downloaded release of RxNorm -> a site's own drug tables, with a report of what changed."""
