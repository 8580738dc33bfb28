"""The search for better settings of a training, by events on which no limits are made."""
