"""From vessel masks to a rigid pose of the model in mm, under perspective, with an error that can be believed."""
