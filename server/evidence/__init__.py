"""What proves an event: pictures, the clip with what was before it, and what the model saw; kept, found, let go."""
