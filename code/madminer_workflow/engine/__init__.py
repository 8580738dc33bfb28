"""What Yadage needs from us to run a workflow here; it knows nothing of physics."""
