"""Benchmarks: what our work costs beside MadMiner's, with the equality of the results shown."""
