"""The sandbox: a pretend EHR with synthetic patients, for the demo and for tests.

It stands for somebody else's system. It therefore imports nothing of TaperGuard: its store, its
dosage words and its checks are its own, or it would share our mistakes and prove nothing.

Rooms: `patients` (stories, and the resources built from them), `population` (generated patients),
`records` (the FHIR R4 store and its HTTP interface), `bulk` (exports of a Group), `smart` (who may
do what), `orders` (drafts, this EHR's own checks, signing), `cds` (the CDS Hooks client), `pages`
(what a person sees). `app` puts them together.
"""
