"""High-mass Drell-Yan production with contact interactions, pp -> l+ l- at 13 TeV."""
