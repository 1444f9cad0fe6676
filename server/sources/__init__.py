"""Sources of video: one file each, named after its kind."""
