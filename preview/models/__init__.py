"""The model families that the preview runs: one adapter each."""
