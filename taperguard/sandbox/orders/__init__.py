"""Orders on their way: the form, the list of drafts, this EHR's own checks, signing.

What a card proposes and what a person types meet the same checks here. Whatever does not pass is
refused with its reasons; nothing is dropped or mended in silence.
"""
