"""Exclusion limits on theory parameters from MadMiner event files, learned by neural networks."""
