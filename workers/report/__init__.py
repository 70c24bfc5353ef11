"""The population report: Bulk Data files in, counts of a night out.

`shards` reads one file each, `columns` gathers them into buckets of patients, `count` measures
one bucket, `finish` adds up and writes. Every step leaves a file when it is done and is not
done again: whoever is killed goes on where the last whole file lies.
"""
