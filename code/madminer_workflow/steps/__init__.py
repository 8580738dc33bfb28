"""The steps of the workflow: each reads products, computes, and writes products."""
