"""One file, one check: facts in, a verdict with its reason out."""
