"""Records of parameters, losses and artifacts in MLflow; nothing below imports this package."""
