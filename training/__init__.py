"""The life of a model: pictures in, training, evaluation, export, and back from the verdicts of those who watch."""
