"""The configuration: the input file, its schema, defaults and checks."""
