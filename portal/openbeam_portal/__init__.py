"""The portal: pages on which a student runs an analysis and watches its figure fill."""
